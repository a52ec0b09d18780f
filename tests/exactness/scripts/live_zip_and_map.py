"""zip, map, enumerate, cycle and an open generator expression that are used up from epoch to epoch."""
# EXPECT outer: 15
# EXPECT inner: 15

import hashlib
import itertools

import torch

torch.manual_seed(397)
x, y = torch.randn(24, 3), torch.randn(24, 1)
net = torch.nn.Linear(3, 1)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
rates = map(lambda n: 0.1 / (n + 1), range(100))  # NAMED: rates
pairs = zip(itertools.cycle([1.0, 0.5, 0.25]), range(100))  # NAMED: pairs
numbers = enumerate(itertools.count(0.0, 0.125))  # NAMED: numbers
for epoch in range(3):
    for rows in torch.randperm(24).split(6):
        optimizer.param_groups[0]["lr"] = next(rates)
        (scale, _), (_, shift) = next(pairs), next(numbers)
        optimizer.zero_grad()
        loss = (net(x[rows]) - y[rows] - shift).pow(2).mean() * scale
        loss.backward()
        optimizer.step()
        # PROBE inner: flor.log("loss", [loss.item(), scale, shift])
    # PROBE outer: flor.log("weights", net.weight.norm().item())
    print(epoch, loss.item())

print(
    "sha256",
    hashlib.sha256(b"".join(p.detach().numpy().tobytes() for p in net.parameters())).hexdigest(),
)
