"""Two training loops beside each other in one epoch, then one that only evaluates."""
# EXPECT outer: 3
# EXPECT inner: 18
# EXPECT second: 15

import hashlib

import torch

torch.manual_seed(71)
x, y = torch.randn(30, 4), torch.randn(30, 1)
net = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Dropout(0.2), torch.nn.Linear(4, 1))
optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.5)
rough, fine = [], []


def noisy(rows):
    inputs = x[rows] + 0.1 * torch.randn(len(rows), 4)
    return inputs


for epoch in range(3):
    for rows in torch.randperm(30).split(6):
        optimizer.zero_grad()
        loss = (net(noisy(rows)) - y[rows]).abs().mean()
        loss.backward()
        optimizer.step()
        rough.append(loss.item())
        # PROBE inner: flor.log("rough", loss.item())
    for rows in torch.randperm(30)[:12].split(3):
        optimizer.zero_grad()
        loss = (net(x[rows]) - y[rows]).pow(2).mean() + 0.01 * rough[-1]
        loss.backward()
        optimizer.step()
        fine.append(loss.item())
        # PROBE second: flor.log("fine", [loss.item(), len(rough)])
    errors = []
    for row in range(0, 30, 10):
        errors.append((net(x[row : row + 1]) - y[row]).item())
    # PROBE outer: flor.log("weights", [net[2].weight.norm().item(), sum(rough), sum(fine)])
    print(epoch, errors)

weights = b"".join(p.detach().numpy().tobytes() for p in net.parameters())
print("sha256", hashlib.sha256(weights).hexdigest())
