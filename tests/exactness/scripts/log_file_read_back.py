"""A log file is opened before the loop, written to in it, and read by its name at the end."""
# EXPECT outer: 3
# EXPECT epilogue: 15

import hashlib

import torch

torch.manual_seed(359)
x, y = torch.randn(24, 3), torch.randn(24, 1)
net = torch.nn.Linear(3, 1)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
log = open("losses.csv", "w")
for epoch in range(3):
    for rows in torch.randperm(24).split(6):
        optimizer.zero_grad()
        loss = (net(x[rows]) - y[rows]).pow(2).mean()
        loss.backward()
        optimizer.step()
        log.write(f"{epoch},{loss.item()}\n")
    # PROBE outer: flor.log("weights", net.weight.norm().item())
    print(epoch, loss.item())
log.close()
rows = [float(row.split(",")[1]) for row in open("losses.csv")]
print(len(rows), sum(rows))
# PROBE epilogue: flor.log("rows", [len(rows), min(rows), max(rows)])
print(
    "sha256",
    hashlib.sha256(b"".join(p.detach().numpy().tobytes() for p in net.parameters())).hexdigest(),
)
