"""No seed anywhere: only the recorded run knows what its numbers were."""
# UNSEEDED
# EXPECT outer: 3
# EXPECT inner: 18
# EXPECT function: 3

import hashlib
import random

import numpy as np
import torch
from torch.utils.data import DataLoader, TensorDataset


def evaluate(net, x, y):
    with torch.no_grad():
        value = (net(x) - y).pow(2).mean().item()
    # PROBE function: print("tested again", repr(value))
    return value


def main():
    x = torch.randn(30, 3)
    loader = DataLoader(TensorDataset(x, x.sum(1, keepdim=True)), batch_size=6, shuffle=True)
    net = torch.nn.Sequential(torch.nn.Linear(3, 5), torch.nn.Dropout(0.3), torch.nn.Linear(5, 1))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.02)
    for epoch in range(3):
        factor = random.uniform(0.5, 1.5) * np.random.uniform(0.5, 1.5)
        for inputs, targets in loader:
            loss = (net(inputs) - targets).pow(2).mean() * factor
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            print("stepped", repr(net[0].weight.norm().item()))
            # PROBE inner: print("stepped again", repr(net[0].weight.norm().item()))
        print("tested", repr(evaluate(net, x, x.sum(1, keepdim=True))))
        print("weights", repr(net[2].weight.norm().item()), repr(factor))
        # PROBE outer: print("weights again", repr(net[2].weight.norm().item()), repr(factor))
    weights = b"".join(p.detach().numpy().tobytes() for p in net.parameters())
    print("sha256", hashlib.sha256(weights).hexdigest())


if __name__ == "__main__":
    main()
