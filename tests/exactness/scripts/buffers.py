"""Buffers that state_dict leaves out, one of them replaced; plain attributes of a module."""
# EXPECT outer: 3
# EXPECT inner: 18
# EXPECT function: 18

import hashlib

import torch
from torch import nn


class Normalise(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.zeros(4), persistent=False)
        self.register_buffer("spread", torch.ones(4), persistent=False)
        self.batches = 0
        self.largest = None

    def forward(self, x):
        if self.training:
            self.batches += 1
            self.mean = self.mean + (x.mean(0) - self.mean) / self.batches
            self.spread.mul_(0.9).add_(0.1 * x.std(0))
            self.largest = (
                x.abs().max() if self.largest is None else max(self.largest, x.abs().max())
            )
        # PROBE function: flor.log("buffers", [self.mean.sum().item(), self.spread.sum().item()])
        return (x - self.mean) / self.spread


torch.manual_seed(109)
x, y = torch.randn(40, 4) * 3 + 1, torch.randn(40, 1)
net = nn.Sequential(Normalise(), nn.Linear(4, 1))
optimizer = torch.optim.SGD(net.parameters(), lr=0.05)
for epoch in range(3):
    for rows in torch.randperm(40).split(8):
        optimizer.zero_grad()
        loss = (net(x[rows]) - y[rows]).pow(2).mean()
        loss.backward()
        optimizer.step()
        # PROBE inner: flor.log("loss", loss.item())
    # PROBE outer: flor.log("norm", [net[0].mean.tolist(), net[0].batches, net[0].largest.item()])
    print(epoch, loss.item(), net[0].spread.sum().item())

digest = hashlib.sha256()
for value in [*net.parameters(), *net.buffers()]:
    digest.update(value.detach().numpy().tobytes())
print("sha256", digest.hexdigest())
