"""Memory of C: a buffer that a tensor looks into, a structure, and a number that C sorts by."""
# EXPECT outer: 3
# EXPECT inner: 15

import ctypes
import hashlib

import torch

torch.manual_seed(433)
x, y = torch.randn(24, 3), torch.randn(24, 1)
net = torch.nn.Linear(3, 1)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)


class Count(ctypes.Structure):
    _fields_ = [("steps", ctypes.c_int), ("total", ctypes.c_double)]


memory = (ctypes.c_float * 3)(1.0, 1.0, 1.0)
scale = torch.frombuffer(memory, dtype=torch.float32)
count = Count(0, 0.0)
kept = count
for epoch in range(3):
    for rows in torch.randperm(24).split(6):
        optimizer.zero_grad()
        loss = (net(x[rows] * scale) - y[rows]).pow(2).mean()
        loss.backward()
        optimizer.step()
        count.steps += 1
        count.total += loss.item()
        memory[count.steps % 3] *= 0.9
        # PROBE inner: flor.log("loss", [loss.item(), scale.tolist(), kept.steps])
    memory[0] += 0.01
    # PROBE outer: flor.log("weights", [net.weight.norm().item(), scale.tolist(), kept.total])
    print(epoch, loss.item(), list(memory), count.total)

print(
    "sha256",
    hashlib.sha256(b"".join(p.detach().numpy().tobytes() for p in net.parameters())).hexdigest(),
)
