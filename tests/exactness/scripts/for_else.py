"""Nested loops with an else clause: some run out, some break, and the else decides what follows."""
# Steps: 6, 5, 2, 6. The two blocks that were left by break may run in every replay, for the else
# must not; whether the turn that breaks counts is left open.
# EXPECT outer: min=4 max=11
# EXPECT inner: min=21 max=23
# EXPECT function: min=21 max=23

import hashlib

import torch

torch.manual_seed(59)
x, y = torch.randn(30, 3), torch.randn(30, 1)
net = torch.nn.Linear(3, 1)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
limit = 2.5
full = 0


def step(rows):
    optimizer.zero_grad()
    loss = (net(x[rows]) - y[rows]).pow(2).mean()
    loss.backward()
    optimizer.step()
    # PROBE function: flor.log("stepped", loss.item())
    return loss.item()


for epoch in range(4):
    for i in range(6):
        value = step(torch.randint(0, 30, (4,)))
        # PROBE inner: flor.log("weights", net.weight.norm().item())
        if value > limit:
            limit *= 1.2
            break
    else:
        full += 1
        limit *= 0.5
    # PROBE outer: flor.log("limit", [limit, full, i, value])
    print(epoch, i, full, value)

print("sha256", hashlib.sha256(net.weight.detach().numpy().tobytes()).hexdigest())
