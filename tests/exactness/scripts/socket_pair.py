"""What training needs next lies in a pair of sockets."""
# EXPECT outer: min=3 max=15
# EXPECT inner: 15

import hashlib
import socket
import struct

import torch

torch.manual_seed(401)
x, y = torch.randn(24, 3), torch.randn(24, 1)
net = torch.nn.Linear(3, 1)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
near, far = socket.socketpair()  # NAMED: far
far.sendall(struct.pack("d", 0.1))
for epoch in range(3):
    (scale,) = struct.unpack("d", near.recv(8))
    for rows in torch.randperm(24).split(6):
        optimizer.zero_grad()
        loss = (net(x[rows]) - y[rows]).pow(2).mean() * (1 + scale)
        loss.backward()
        optimizer.step()
        # PROBE inner: flor.log("loss", [loss.item(), scale])
    far.sendall(struct.pack("d", scale + loss.item()))
    # PROBE outer: flor.log("weights", [net.weight.norm().item(), scale])
    print(epoch, loss.item(), scale)

print(
    "sha256",
    hashlib.sha256(b"".join(p.detach().numpy().tobytes() for p in net.parameters())).hexdigest(),
)
