"""Run as `python -m package.train`: it knows its package and imports relative to it."""

import argparse
import pickle
import sys
from dataclasses import dataclass

import torch

from . import model


@dataclass
class Settings:
    epochs: int
    lr: float


parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int, default=2)
parser.add_argument("--lr", type=float, default=0.1)
settings = Settings(**vars(parser.parse_args()))
print(__name__, __package__, __spec__.name, len(sys.argv), sys.path[0] == "")
print(pickle.loads(pickle.dumps(settings)), Settings.__module__)
torch.manual_seed(5)
net = model.make()
for epoch in range(settings.epochs):
    for _ in range(3):
        net.zero_grad()
        loss = net(torch.randn(4, 2)).pow(2).mean()
        loss.backward()
        net.weight.data -= settings.lr * net.weight.grad
    print(epoch, loss.item())
torch.save(net.state_dict(), "weights.pt")
