"""True entropy in the loop: what the system, secrets and an unseeded generator give is never given again."""
# UNSEEDED
# EXPECT outer: 3
# REFUSED inner: os.urandom

import os
import random
import secrets

import torch

torch.manual_seed(463)
x, y = torch.randn(24, 3), torch.randn(24, 1)
net = torch.nn.Linear(3, 1)
optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
system = random.SystemRandom()  # NAMED: random.SystemRandom
for epoch in range(3):
    for rows in torch.randperm(24).split(6):
        optimizer.zero_grad()
        noise = os.urandom(1)[0] / 255  # NAMED: os.urandom
        noise += secrets.randbelow(100) / 100  # NAMED: secrets.randbelow
        noise += system.random()
        loss = (net(x[rows]) - y[rows] - noise).pow(2).mean()
        loss.backward()
        optimizer.step()
        print("weights", net.weight.norm().item())
        # PROBE inner: print("weights again", net.weight.norm().item())
    print("epoch", net.weight.norm().item())
    # PROBE outer: print("epoch again", net.weight.norm().item())
