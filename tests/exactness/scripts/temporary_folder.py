"""The best weights, and a schedule, are kept in temporary folders, and read in the loop and behind it."""
# EXPECT outer: min=4 max=20
# EXPECT inner: 20

import hashlib
import os
import pathlib
import tempfile

import torch

torch.manual_seed(457)
x, y = torch.randn(24, 3), torch.randn(24, 1)
net = torch.nn.Linear(3, 1)
optimizer = torch.optim.SGD(net.parameters(), lr=0.4)


def evaluate(folder):
    handle, name = tempfile.mkstemp(dir=folder)
    with os.fdopen(handle, "w") as file:
        file.write(repr((net(x) - y).pow(2).mean().item()))
    with open(name) as file:
        return float(file.read())


def train():
    schedule = pathlib.Path(tempfile.mkdtemp()) / "scale.txt"  # which stays, as none removes it
    schedule.write_text("1.0")
    with tempfile.TemporaryDirectory() as folder:
        best, where = float("inf"), os.path.join(folder, "best.pt")
        for epoch in range(4):
            scale = float(schedule.read_text())
            for rows in torch.randperm(24).split(6):
                optimizer.zero_grad()
                loss = (net(x[rows]) - y[rows]).pow(2).mean() * scale
                loss.backward()
                optimizer.step()
                # PROBE inner: flor.log("loss", [loss.item(), scale])
            found = evaluate(folder)
            if found < best:
                best = found
                torch.save(net.state_dict(), where)
            schedule.write_text(repr(scale * 0.7 + loss.item() / 9))
            # PROBE outer: flor.log("weights", [net.weight.norm().item(), scale, len(os.listdir(folder))])
            print(epoch, found, scale)
        net.load_state_dict(torch.load(where))


train()
print(
    "sha256",
    hashlib.sha256(b"".join(p.detach().numpy().tobytes() for p in net.parameters())).hexdigest(),
)
