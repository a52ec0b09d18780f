"""The skipped loop moves what a library keeps for itself: decimal's precision, warnings, a counter."""
# EXPECT outer: min=3 max=15
# EXPECT inner: 15

import decimal
import fractions
import hashlib
import locale
import sys

import torch

torch.manual_seed(491)
x, y = torch.randn(24, 3), torch.randn(24, 1)
net = torch.nn.Linear(3, 1)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
fractions.steps = 0
for epoch in range(3):
    for rows in torch.randperm(24).split(6):
        optimizer.zero_grad()
        loss = (net(x[rows]) - y[rows]).pow(2).mean()
        loss.backward()
        optimizer.step()
        decimal.getcontext().prec += 1
        sys.setrecursionlimit(sys.getrecursionlimit() + 1)
        fractions.steps += 1
        # PROBE inner: flor.log("loss", [loss.item(), fractions.steps])
    # PROBE outer: flor.log("library", [str(decimal.Decimal(1) / 7), fractions.steps, sys.getrecursionlimit()])
    print(epoch, loss.item())

print(
    "sha256",
    hashlib.sha256(b"".join(p.detach().numpy().tobytes() for p in net.parameters())).hexdigest(),
)
