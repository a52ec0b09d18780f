"""Trains with torch from a DataLoader whose workers are forked anew for each epoch.

Usage: train.py EPOCHS
"""

import sys

import torch
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
net = torch.nn.Linear(64, 64)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
items = TensorDataset(torch.randn(32, 64))
loader = DataLoader(items, batch_size=8, shuffle=True, num_workers=2)
for epoch in range(int(sys.argv[1])):
    for (batch,) in loader:
        optimizer.zero_grad()
        loss = net(batch).square().mean()
        loss.backward()
        optimizer.step()
    print("epoch", epoch, loss.item(), flush=True)
