"""Saves its best state by safetensors, and reloads it in the middle and at the end"""
# EXPECT outer: 4
# EXPECT inner: 24
# EXPECT epilogue: 0

import hashlib

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

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
        save_file(net.state_dict(), "best.safetensors")
    else:
        with safe_open("best.safetensors", "pt") as saved:
            net.load_state_dict({name: saved.get_tensor(name) for name in saved.keys()})
        for group in optimizer.param_groups:
            group["lr"] *= 0.5 ** (epoch + 1)
        print("back to", best)
    # PROBE outer: flor.log("weights", [net.weight.norm().item(), best, optimizer.param_groups[0]["lr"]])
    print(epoch, now)

net.load_state_dict(load_file("best.safetensors"))
# PROBE epilogue: flor.log("best", net.weight.norm().item())
print("sha256", hashlib.sha256(net.weight.detach().numpy().tobytes()).hexdigest())
