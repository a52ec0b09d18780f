"""Memory that C has allocated, reached by its address alone."""
# EXPECT outer: 15
# EXPECT inner: 15

import ctypes
import hashlib

import torch

torch.manual_seed(439)
x, y = torch.randn(24, 3), torch.randn(24, 1)
net = torch.nn.Linear(3, 1)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
cell = ctypes.c_double(1.0)
pointer = ctypes.pointer(cell)  # NAMED: pointer
for epoch in range(3):
    for rows in torch.randperm(24).split(6):
        optimizer.zero_grad()
        loss = (net(x[rows]) - y[rows]).pow(2).mean() * pointer.contents.value
        loss.backward()
        optimizer.step()
        pointer.contents.value *= 0.9
        # PROBE inner: flor.log("loss", loss.item())
    # PROBE outer: flor.log("weights", [net.weight.norm().item(), pointer[0]])
    print(epoch, loss.item(), cell.value)

print(
    "sha256",
    hashlib.sha256(b"".join(p.detach().numpy().tobytes() for p in net.parameters())).hexdigest(),
)
