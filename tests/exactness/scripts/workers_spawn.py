"""Two spawned workers an epoch: they import this file anew, and unpickle the dataset."""
# EXPECT outer: 2
# EXPECT inner: 12

import hashlib
import random

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset


class Noisy(Dataset):
    def __len__(self):
        return 30

    def __getitem__(self, index):
        noise = random.random() + np.random.rand() + torch.rand(4)
        return noise * (index + 1) / 30


def collate(points):
    x = torch.stack(points)
    return x, x.sum(1, keepdim=True)


def step(net, optimizer, x, y):
    optimizer.zero_grad()
    loss = (net(x) - y).pow(2).mean()
    loss.backward()
    optimizer.step()
    return loss.item()


def main():
    random.seed(7)
    np.random.seed(7)
    torch.manual_seed(7)
    loader = DataLoader(
        Noisy(),
        batch_size=6,
        shuffle=True,
        num_workers=2,
        collate_fn=collate,
        multiprocessing_context="spawn",
    )
    net = torch.nn.Linear(4, 1)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
    for epoch in range(2):
        total = 0.0
        for x, y in loader:
            total += step(net, optimizer, x, y)
            # PROBE inner: flor.log("input_sum", x.sum().item())
        # PROBE outer: flor.log("weights", [net.weight.norm().item(), torch.initial_seed()])
        print("epoch", epoch, total)
    weights = b"".join(p.detach().numpy().tobytes() for p in net.parameters())
    print("sha256", hashlib.sha256(weights).hexdigest())


if __name__ == "__main__":
    main()
