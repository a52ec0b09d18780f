"""Dropout draws a mask a step; an evaluation with dropout off sits between the epochs."""
# EXPECT outer: 3
# EXPECT inner: 18
# EXPECT function: 3

import hashlib

import torch
from torch import nn
from torch.nn import functional as F


def evaluate(net, x, y):
    net.eval()
    with torch.no_grad():
        scores = net(x)
    # PROBE function: print("score_norm", repr(scores.norm().item()))
    net.train()
    return F.mse_loss(scores, y).item()


def main():
    torch.manual_seed(3)
    x, y = torch.randn(40, 5), torch.randn(40, 2)
    net = nn.Sequential(nn.Linear(5, 16), nn.ReLU(), nn.Dropout(0.5), nn.Linear(16, 2))
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    for epoch in range(3):
        for start in range(0, 40, 8):
            loss = F.mse_loss(net(x[start : start + 8]), y[start : start + 8])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            # PROBE inner: print("loss", epoch, start, repr(loss.item()))
        # PROBE outer: print("weights", repr(sum(p.norm().item() for p in net.parameters())))
        print(f"{epoch}: test loss {evaluate(net, x[:8], y[:8]):.9f}")
    weights = b"".join(p.detach().numpy().tobytes() for p in net.parameters())
    print("sha256", hashlib.sha256(weights).hexdigest())


if __name__ == "__main__":
    main()
