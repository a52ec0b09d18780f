"""Data beside the project is opened by a path that leads out of it; the run has the name of its folder."""
# EXPECT prelude: 0
# EXPECT outer: 3
# EXPECT inner: 15

import hashlib
import os
from pathlib import Path

import torch

HERE = Path(__file__).resolve().parent
torch.manual_seed(353)
shift = len(open("../home/.gitconfig").read()) / 100
# PROBE prelude: flor.log("folder", [HERE.name, Path.cwd().name])
x, y = torch.randn(24, 3), torch.randn(24, 1) + shift
net = torch.nn.Linear(3, 1)
optimizer = torch.optim.SGD(net.parameters(), lr=0.05)
print("run", os.path.basename(os.getcwd()), HERE.name)
for epoch in range(3):
    for rows in torch.randperm(24).split(6):
        optimizer.zero_grad()
        loss = (net(x[rows]) - y[rows]).pow(2).mean()
        loss.backward()
        optimizer.step()
        # PROBE inner: flor.log("loss", [loss.item(), (HERE.parent / "home" / ".gitconfig").exists()])
    # PROBE outer: flor.log("weights", [net.weight.norm().item(), f"{HERE.name}-{epoch}"])
    print(epoch, loss.item())

print(
    "sha256",
    hashlib.sha256(b"".join(p.detach().numpy().tobytes() for p in net.parameters())).hexdigest(),
)
