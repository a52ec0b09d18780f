"""A database of the project holds what training goes on with."""
# EXPECT outer: min=3 max=15
# EXPECT inner: 15

import hashlib
import sqlite3

import torch

torch.manual_seed(421)
x, y = torch.randn(24, 3), torch.randn(24, 1)
net = torch.nn.Linear(3, 1)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
store = sqlite3.connect("losses.db")  # NAMED: store
store.execute("CREATE TABLE loss (epoch INTEGER, value REAL)")
store.execute("INSERT INTO loss VALUES (-1, 0.5)")
for epoch in range(3):
    (scale,) = store.execute("SELECT avg(value) FROM loss").fetchone()
    for rows in torch.randperm(24).split(6):
        optimizer.zero_grad()
        loss = (net(x[rows]) - y[rows]).pow(2).mean() * (1 + scale)
        loss.backward()
        optimizer.step()
        # PROBE inner: flor.log("loss", [loss.item(), scale])
    store.execute("INSERT INTO loss VALUES (?, ?)", (epoch, loss.item()))
    store.commit()
    # PROBE outer: flor.log("weights", [net.weight.norm().item(), scale])
    print(epoch, loss.item(), scale)

print(
    "sha256",
    hashlib.sha256(b"".join(p.detach().numpy().tobytes() for p in net.parameters())).hexdigest(),
)
