"""Training runs in children that torch.multiprocessing.spawn starts; they leave their weights in files."""
# REFUSED inner: trains in another process
# REFUSED outer: trains in another process

import hashlib

import torch
import torch.multiprocessing as mp


def train(rank, x, y):
    torch.manual_seed(373 + rank)
    net = torch.nn.Linear(3, 1)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for epoch in range(3):
        for rows in torch.randperm(24).split(6):
            optimizer.zero_grad()
            loss = (net(x[rows]) - y[rows]).pow(2).mean()
            loss.backward()
            optimizer.step()
            # PROBE inner: flor.log("loss", loss.item())
        # PROBE outer: flor.log("weights", net.weight.norm().item())
    torch.save(net.state_dict(), f"net{rank}.pt")


if __name__ == "__main__":
    torch.manual_seed(373)
    x, y = torch.randn(24, 3), torch.randn(24, 1)
    mp.spawn(train, args=(x, y), nprocs=1)  # NAMED: train trains in another process
    weights = torch.load("net0.pt")
    print("sha256", hashlib.sha256(weights["weight"].numpy().tobytes()).hexdigest())
