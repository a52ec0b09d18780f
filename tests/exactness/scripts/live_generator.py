"""A generator that is held across the epochs, and draws random numbers itself."""
# EXPECT outer: 15
# EXPECT inner: 15

import hashlib

import torch

torch.manual_seed(383)
x, y = torch.randn(24, 3), torch.randn(24, 1)
net = torch.nn.Linear(3, 1)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)


def factors():
    factor = 1.0
    while True:
        factor = 0.9 * factor + 0.1 * torch.rand(1).item()
        yield factor


factor = factors()  # NAMED: factor
for epoch in range(3):
    for rows in torch.randperm(24).split(6):
        optimizer.zero_grad()
        loss = (net(x[rows]) - y[rows]).pow(2).mean() * next(factor)
        loss.backward()
        optimizer.step()
        # PROBE inner: flor.log("loss", loss.item())
    # PROBE outer: flor.log("weights", net.weight.norm().item())
    print(epoch, loss.item())

print(
    "sha256",
    hashlib.sha256(b"".join(p.detach().numpy().tobytes() for p in net.parameters())).hexdigest(),
)
