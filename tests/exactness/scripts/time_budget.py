"""Trains until a time is over: how many steps that are, the clock decides."""
# UNSEEDED
# REFUSED inner: the wall clock decides
# EXPECT outer: 3

import time

import torch

torch.manual_seed(457)
x, y = torch.randn(24, 3), torch.randn(24, 1)
net = torch.nn.Linear(3, 1)
optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
for epoch in range(3):
    began = time.perf_counter()
    while time.perf_counter() - began < 0.05:  # NAMED: the wall clock decides
        rows = torch.randperm(24)[:6]
        optimizer.zero_grad()
        loss = (net(x[rows]) - y[rows]).pow(2).mean()
        loss.backward()
        optimizer.step()
        # PROBE inner: print("never again", loss.item())
    print("weights", net.weight.norm().item())
    # PROBE outer: print("weights again", net.weight.norm().item())
