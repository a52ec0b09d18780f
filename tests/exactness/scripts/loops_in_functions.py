"""The nested loop lives in a function of its own, called by the function with the main loop."""
# EXPECT outer: 3
# EXPECT inner: 18
# EXPECT function: 18

import argparse
import hashlib

import torch
from torch.utils.data import DataLoader, TensorDataset


def make_net(width):
    net = torch.nn.Sequential(torch.nn.Linear(3, width), torch.nn.ReLU(), torch.nn.Linear(width, 1))
    return net


def clip(net, limit):
    norm = torch.nn.utils.clip_grad_norm_(net.parameters(), limit)
    # PROBE function: print("clipped", repr(norm.item()))
    return norm.item()


def train_one_epoch(net, loader, optimizer, limit):
    largest = 0.0
    for x, y in loader:
        optimizer.zero_grad()
        loss = (net(x) - y).pow(2).mean()
        loss.backward()
        largest = max(largest, clip(net, limit))
        optimizer.step()
        # PROBE inner: print("in the epoch", repr(loss.item()), repr(largest))
    return largest


def train(net, loader, args):
    optimizer = torch.optim.Adam(net.parameters(), lr=args.lr)
    largest = []
    for epoch in range(args.epochs):
        largest.append(train_one_epoch(net, loader, optimizer, args.clip))
        # PROBE outer: print("weights", repr(net[2].weight.norm().item()), repr(largest))
        print("epoch", epoch, "largest gradient", largest[-1])
    return largest


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--lr", type=float, default=0.02)
    parser.add_argument("--clip", type=float, default=0.5)
    args = parser.parse_args()
    torch.manual_seed(73)
    x = torch.randn(25, 3)
    loader = DataLoader(TensorDataset(x, x.sum(1, keepdim=True)), batch_size=5, shuffle=True)
    net = make_net(6)
    print(train(net, loader, args))
    weights = b"".join(p.detach().numpy().tobytes() for p in net.parameters())
    print("sha256", hashlib.sha256(weights).hexdigest())


if __name__ == "__main__":
    main()
