"""Loops of many shapes, five turns each, one after the other in each epoch."""
# EXPECT inner: 15

import random

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset


class Noisy(Dataset):
    def __init__(self):
        self.points = np.random.rand(30, 4)

    def __len__(self):
        return len(self.points)

    def __getitem__(self, index):
        point = self.points[index] * random.uniform(0.9, 1.1) + np.random.normal(0, 0.1, 4)
        point = torch.from_numpy(point).float() + 0.1 * torch.rand(4)
        return point, point.sum().unsqueeze(0)


class Progress:
    """Counts what passes through it, as progress bars do."""

    def __init__(self, items):
        self.items = items
        self.n = 0

    def __iter__(self):
        for item in self.items:
            yield item
            self.n += 1


random.seed(5)
np.random.seed(5)
torch.manual_seed(5)
data = Noisy()
loader = DataLoader(data, batch_size=6, shuffle=True)
order = torch.Generator()
order.manual_seed(17)
own = DataLoader(data, batch_size=6, shuffle=True, generator=order)
net = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Dropout(0.3), torch.nn.Linear(8, 1))
optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
history = []


def train(x, y, scale=1.0):
    optimizer.zero_grad()
    loss = (net(x) - y).pow(2).mean() * scale
    loss.backward()
    optimizer.step()
    history.append(loss.item())
    return loss.item()


def rows(indices):
    x = torch.stack([data[int(index)][0] for index in indices])
    return x, x.sum(1, keepdim=True)


for epoch in range(3):
    for i, (x, y) in enumerate(loader, start=1):
        loss = train(x, y)
        # PROBE inner: flor.log("enumerated", [epoch, i, x.sum().item(), loss, len(history)])
    shuffled = torch.randperm(30)
    for start in range(0, 30, 6):
        loss = train(*rows(shuffled[start : start + 6]))
        # PROBE inner: flor.log("ranged", [epoch, start, loss, random.getstate()[1][0]])
    for part in torch.randperm(30).split(6):
        loss = train(*rows(part))
        # PROBE inner: flor.log("split", [epoch, part.tolist(), loss])
    turn = 0
    while turn < 5:
        loss = train(*rows(np.random.permutation(30)[:6]))
        # PROBE inner: flor.log("while", [epoch, turn, loss])
        turn += 1
    bar = Progress(loader)
    for x, y in bar:
        loss = train(x, y)
        # PROBE inner: flor.log("progress", [epoch, bar.n, loss])
    for scale, (x, y) in zip([1.0, 0.5, 2.0, 0.1, 3.0, 9.0], own):
        loss = train(x, y, scale)
        # PROBE inner: flor.log("zipped", [epoch, scale, loss, net[0].weight.norm().item()])
    print("epoch", epoch, loss, sum(history), i, start, turn, scale)
