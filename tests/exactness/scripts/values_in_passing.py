"""Recorded statements that print, and now log a value in passing as well."""
# EXPECT outer: 4
# EXPECT inner: 16
# EXPECT function: 16

import torch


def loss_of(net, x):
    # WRAP function: print("input", x.sum().item() * flor.log("share", 0.5), "of", flor.log("rows", len(x)))
    print("input", x.sum().item() * 0.5, "of", len(x))
    return net(x).pow(2).mean()


torch.manual_seed(131)
net = torch.nn.Linear(3, 1)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for epoch in range(4):
    for i in range(3):
        optimizer.zero_grad()
        loss = loss_of(net, torch.randn(4, 3))
        loss.backward()
        # WRAP inner: print("step", i, flor.log("loss", loss.item()))
        print("step", i, loss.item())
        optimizer.step()
    # WRAP outer: print(epoch, flor.log("weight", net.weight.norm().item()), flor.log("last", loss.item()))
    print(epoch, net.weight.norm().item(), loss.item())
