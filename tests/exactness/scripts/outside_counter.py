"""A file outside of the project goes on from run to run: a replay finds what the run has left."""
# EXPECT outer: 3
# REFUSED inner: counter.txt

import hashlib
import os
import pathlib

import torch

torch.manual_seed(449)
x, y = torch.randn(24, 3), torch.randn(24, 1)
net = torch.nn.Linear(3, 1)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
counter = pathlib.Path(os.path.dirname(os.environ["HOME"])) / "counter.txt"
if not counter.exists():
    counter.write_text("1")  # NAMED: counter.txt
for epoch in range(3):
    scale = 1 / int(counter.read_text())
    for rows in torch.randperm(24).split(6):
        optimizer.zero_grad()
        loss = (net(x[rows]) - y[rows]).pow(2).mean() * scale
        loss.backward()
        optimizer.step()
        # PROBE inner: flor.log("loss", [loss.item(), scale])
    counter.write_text(str(int(counter.read_text()) + 1))
    # PROBE outer: flor.log("weights", [net.weight.norm().item(), scale])
    print(epoch, loss.item())

print(
    "sha256",
    hashlib.sha256(b"".join(p.detach().numpy().tobytes() for p in net.parameters())).hexdigest(),
)
