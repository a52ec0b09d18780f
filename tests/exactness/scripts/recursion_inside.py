"""A training function that calls itself from within its loop, on an ever smaller part of the data."""
# EXPECT outer: 9
# EXPECT inner: min=20 max=30

import hashlib

import torch

torch.manual_seed(313)
x, y = torch.randn(24, 3), torch.randn(24, 1)
net = torch.nn.Linear(3, 1)
optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)


def train(rows, turns):
    for turn in range(turns):
        for part in rows[torch.randperm(len(rows))].split(6):
            optimizer.zero_grad()
            loss = (net(x[part]) - y[part]).pow(2).mean()
            loss.backward()
            optimizer.step()
            # PROBE inner: flor.log("loss", loss.item())
        if len(rows) > 6:
            train(rows[: len(rows) // 2], 1)
        # PROBE outer: flor.log("weights", [len(rows), net.weight.norm().item()])
        print(len(rows), turn, loss.item())


train(torch.arange(24), 3)
print(
    "sha256",
    hashlib.sha256(b"".join(p.detach().numpy().tobytes() for p in net.parameters())).hexdigest(),
)
