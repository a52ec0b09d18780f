"""Gradients of a layer's output are retained, and read behind the loop in which they came about."""
# EXPECT outer: min=4 max=20
# EXPECT inner: 20

import hashlib

import torch

torch.manual_seed(461)
x, y = torch.randn(24, 4), torch.randn(24, 1)
body, head = torch.nn.Linear(4, 3), torch.nn.Linear(3, 1)
net = torch.nn.Sequential(body, torch.nn.Tanh(), head)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for epoch in range(4):
    for rows in torch.randperm(24).split(6):
        features = body(x[rows])
        features.retain_grad()
        loss = (head(torch.tanh(features)) - y[rows]).pow(2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        # PROBE inner: flor.log("seen", [features.grad.norm().item(), head.weight._version])
    # PROBE outer: flor.log("retained", [features.retains_grad, features.grad.norm().item() if features.grad is not None else 0.0])
    print(epoch, loss.item())

print(
    "sha256",
    hashlib.sha256(b"".join(p.detach().numpy().tobytes() for p in net.parameters())).hexdigest(),
)
