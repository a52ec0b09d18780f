"""A database file is opened anew in every epoch, and holds what training goes on with."""
# EXPECT outer: min=3 max=15
# EXPECT inner: 15

import hashlib
import sqlite3

import torch

torch.manual_seed(431)
x, y = torch.randn(24, 3), torch.randn(24, 1)
net = torch.nn.Linear(3, 1)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)


def average():
    store = sqlite3.connect("losses.db")
    store.execute("CREATE TABLE IF NOT EXISTS loss (value REAL)")
    (value,) = store.execute("SELECT avg(value) FROM loss").fetchone()
    store.close()
    return value or 0.0


def note(value):
    store = sqlite3.connect("losses.db")
    store.execute("INSERT INTO loss VALUES (?)", (value,))
    store.commit()
    store.close()


for epoch in range(3):
    scale = average()
    for rows in torch.randperm(24).split(6):
        optimizer.zero_grad()
        loss = (net(x[rows]) - y[rows]).pow(2).mean() * (1 + scale)
        loss.backward()
        optimizer.step()
        # PROBE inner: flor.log("loss", [loss.item(), scale])
    note(loss.item())
    # PROBE outer: flor.log("weights", [net.weight.norm().item(), average()])
    print(epoch, loss.item(), scale)

print(
    "sha256",
    hashlib.sha256(b"".join(p.detach().numpy().tobytes() for p in net.parameters())).hexdigest(),
)
