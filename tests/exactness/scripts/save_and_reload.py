"""Saves its best state to a file, reloads it in the middle and at the end, then deletes it."""
# EXPECT outer: 4
# EXPECT inner: 24

import hashlib
import os

import torch

torch.manual_seed(101)
x, y = torch.randn(30, 3), torch.randn(30, 1)
net = torch.nn.Linear(3, 1)
optimizer = torch.optim.SGD(net.parameters(), lr=0.6, momentum=0.5)
best = float("inf")


def test_loss():
    with torch.no_grad():
        value = (net(x[25:]) - y[25:]).pow(2).mean().item()
    return value


for epoch in range(4):
    for rows in torch.randperm(25).split(5):
        optimizer.zero_grad()
        loss = (net(x[rows]) - y[rows]).pow(2).mean()
        loss.backward()
        optimizer.step()
        # PROBE inner: flor.log("loss", loss.item())
    now = test_loss()
    if now < best:
        best = now
        torch.save({"net": net.state_dict(), "optimizer": optimizer.state_dict()}, "best.pt")
    elif os.path.exists("best.pt"):
        saved = torch.load("best.pt")
        net.load_state_dict(saved["net"])
        optimizer.load_state_dict(saved["optimizer"])
        for group in optimizer.param_groups:
            group["lr"] *= 0.5 ** (epoch + 1)
        print("back to", best)
    # PROBE outer: flor.log("weights", [net.weight.norm().item(), best, optimizer.param_groups[0]["lr"]])
    print(epoch, now)

net.load_state_dict(torch.load("best.pt")["net"])
os.remove("best.pt")
print("sha256", hashlib.sha256(net.weight.detach().numpy().tobytes()).hexdigest())
