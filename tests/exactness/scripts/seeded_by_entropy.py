"""The generators are seeded anew in every epoch, by nothing that anybody knows."""
# UNSEEDED
# EXPECT outer: 3
# REFUSED inner: torch.seed

import random

import numpy as np
import torch

torch.manual_seed(467)
x, y = torch.randn(24, 3), torch.randn(24, 1)
net = torch.nn.Linear(3, 1)
optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
for epoch in range(3):
    torch.seed()  # NAMED: torch.seed
    random.seed()  # NAMED: random.seed
    shift = np.random.default_rng().random()  # NAMED: numpy.random.default_rng
    for rows in torch.randperm(24).split(6):
        optimizer.zero_grad()
        loss = (net(x[rows]) - y[rows] - shift * random.random()).pow(2).mean()
        loss.backward()
        optimizer.step()
        print("weights", net.weight.norm().item())
        # PROBE inner: print("weights again", net.weight.norm().item())
    print("epoch", net.weight.norm().item())
    # PROBE outer: print("epoch again", net.weight.norm().item())
