"""Workers that augment by random, numpy and torch, and by the seed that they were given.

Words: the start method, and "persistent" where the workers live on from epoch to epoch.
"""
# EXPECT inner: 3
# EXPECT outer: 3

import random
import sys

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

method, persistent = sys.argv[1], "persistent" in sys.argv


class Noisy(Dataset):
    def __len__(self):
        return 40

    def __getitem__(self, index):
        seed = torch.utils.data.get_worker_info().seed % 97
        noise = random.random() + np.random.rand() + torch.rand(4)
        return noise * (index + 1) / 30, torch.tensor([float(index), float(seed)])


def main():
    random.seed(7)
    np.random.seed(7)
    torch.manual_seed(7)
    loader = DataLoader(
        Noisy(),
        batch_size=5,
        shuffle=True,
        num_workers=2,
        multiprocessing_context=method,
        persistent_workers=persistent,
    )
    net = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Dropout(0.2), torch.nn.Linear(4, 1))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9)
    for epoch in range(3):
        for i, (x, where) in enumerate(loader):
            optimizer.zero_grad()
            loss = (net(x) - x.sum(1, keepdim=True)).pow(2).mean()
            loss.backward()
            optimizer.step()
            # PROBE inner: flor.log("batch", [epoch, i, where.tolist(), x.sum().item()])
        # PROBE outer: flor.log("weights", [net[0].weight.norm().item(), torch.initial_seed()])
        print("epoch", epoch, loss.item(), torch.rand(1).item())


if __name__ == "__main__":
    main()
