"""Generators of the script's own: torch in the loader, numpy and random beside it."""
# EXPECT outer: 3
# EXPECT inner: 18
# EXPECT function: 18

import hashlib
import random

import numpy as np
import torch
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(1)
order = torch.Generator()
order.manual_seed(99)
noise = np.random.default_rng(17)
dice = random.Random("loaded")

x = torch.randn(30, 3)
loader = DataLoader(TensorDataset(x, x.prod(1, keepdim=True)), 6, shuffle=True, generator=order)
net = torch.nn.Linear(3, 1)
optimizer = torch.optim.SGD(net.parameters(), lr=0.02, momentum=0.5)


def jitter(batch):
    moved = batch + torch.from_numpy(noise.normal(0, 0.1, batch.shape)).float()
    # PROBE function: print("moved", repr(moved.sum().item()))
    return moved


for epoch in range(3):
    keep = dice.randint(1, 3)
    for batch, y in loader:
        optimizer.zero_grad()
        loss = (net(jitter(batch))[::keep] - y[::keep]).abs().mean()
        loss.backward()
        optimizer.step()
        # PROBE inner: print("loss", repr(loss.item()), keep)
    # PROBE outer: flor.log("weights", net.weight.tolist())
    print(epoch, keep, dice.random(), noise.integers(1000), loss.item())

print("sha256", hashlib.sha256(net.weight.detach().numpy().tobytes()).hexdigest())
