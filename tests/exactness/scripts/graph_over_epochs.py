"""Losses are kept with their graphs, and gone back through in every second epoch."""
# EXPECT outer: min=4 max=20
# EXPECT inner: 20

import hashlib

import torch

torch.manual_seed(463)
x, y = torch.randn(24, 4), torch.randn(24, 1)
net = torch.nn.Linear(4, 1)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
kept = []
for epoch in range(4):
    for rows in torch.randperm(24).split(6):
        kept.append((net(x[rows]) - y[rows]).pow(2).mean())
        if epoch % 2 and len(kept) > 5:
            optimizer.zero_grad()
            torch.stack(kept).sum().backward()
            optimizer.step()
            kept.clear()
        # PROBE inner: flor.log("kept", [len(kept), net.weight.norm().item()])
    # PROBE outer: flor.log("weights", [net.weight.norm().item(), len(kept)])
    print(epoch, len(kept), net.bias.item())

print(
    "sha256",
    hashlib.sha256(b"".join(p.detach().numpy().tobytes() for p in net.parameters())).hexdigest(),
)
