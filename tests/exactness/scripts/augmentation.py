"""A dataset that augments with random, numpy and torch, read in the main process."""
# EXPECT outer: 3
# EXPECT inner: 18
# EXPECT function: 18

import hashlib
import random

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset


class Noisy(Dataset):
    def __init__(self, points):
        self.points = points

    def __len__(self):
        return len(self.points)

    def __getitem__(self, index):
        point = self.points[index] * random.uniform(0.9, 1.1)
        point = point + np.random.normal(0, 0.1, point.shape)
        point = torch.from_numpy(point).float() + 0.1 * torch.rand(4)
        # PROBE function: flor.log("point", [index, point.sum().item()])
        return point, point.sum().unsqueeze(0)


random.seed(5)
np.random.seed(5)
torch.manual_seed(5)
loader = DataLoader(Noisy(np.random.rand(30, 4)), batch_size=6, shuffle=True, num_workers=0)
net = torch.nn.Linear(4, 1)
optimizer = torch.optim.SGD(net.parameters(), lr=0.05)
for epoch in range(3):
    for batch, (x, y) in enumerate(loader):
        optimizer.zero_grad()
        loss = (net(x) - y).pow(2).mean()
        loss.backward()
        optimizer.step()
        # PROBE inner: flor.log("input_norm", x.norm().item())
    # PROBE outer: print("weights", repr(net.weight.norm().item()), repr(net.bias.item()))
    print(epoch, batch, loss.item(), random.random(), np.random.rand())

weights = b"".join(p.detach().numpy().tobytes() for p in net.parameters())
print("sha256", hashlib.sha256(weights).hexdigest())
