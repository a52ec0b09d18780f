"""A file outside of the project is written anew in every epoch, and read in the next."""
# EXPECT outer: min=3 max=15
# EXPECT inner: 15

import hashlib
import json
import os
import pathlib

import torch

torch.manual_seed(443)
x, y = torch.randn(24, 3), torch.randn(24, 1)
net = torch.nn.Linear(3, 1)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
state = pathlib.Path(os.environ["HOME"]) / "scale.json"
state.write_text(json.dumps({"scale": 1.0}))  # NAMED: scale.json
for epoch in range(3):
    scale = json.loads(state.read_text())["scale"]
    for rows in torch.randperm(24).split(6):
        optimizer.zero_grad()
        loss = (net(x[rows]) - y[rows]).pow(2).mean() * scale
        loss.backward()
        optimizer.step()
        # PROBE inner: flor.log("loss", [loss.item(), scale])
    state.write_text(json.dumps({"scale": scale * 0.7 + loss.item() / 9}))
    # PROBE outer: flor.log("weights", [net.weight.norm().item(), json.loads(state.read_text())["scale"]])
    print(epoch, loss.item(), scale)

print(
    "sha256",
    hashlib.sha256(b"".join(p.detach().numpy().tobytes() for p in net.parameters())).hexdigest(),
)
