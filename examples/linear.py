"""Learns handwritten digits with a small network; the loops and objects are named with Flor.

flor record examples/linear.py             record a run
python examples/linear.py --flor linear    the same, without the command
python examples/linear.py                  train, record nothing
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from flor import MTK as Flor

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--epochs", type=int, default=8)
parser.add_argument("--batch-size", type=int, default=64)
parser.add_argument("--lr", type=float, default=0.1)
parser.add_argument("--hidden", type=int, default=64)
parser.add_argument("--dropout", type=float, default=0.2)
parser.add_argument("--seed", type=int, default=1)
args = parser.parse_args()

torch.manual_seed(args.seed)


class Net(nn.Module):
    """784 pixels to 10 scores, through one hidden layer with dropout."""

    def __init__(self, hidden, dropout):
        super().__init__()
        self.fc1 = nn.Linear(28 * 28, hidden)
        self.dropout = nn.Dropout(dropout)
        self.fc2 = nn.Linear(hidden, 10)

    def forward(self, x):
        x = torch.relu(self.fc1(x.flatten(1)))
        return self.fc2(self.dropout(x))


def accuracy(net, images, labels):
    """Share of right answers, with dropout off."""
    net.eval()
    with torch.no_grad():
        right = (net(images).argmax(1) == labels).float().mean().item()
    net.train()
    return right


digits = np.load(Path(__file__).parent / "data" / "mnist_5k.npz")
images = torch.from_numpy(digits["images"]).float() / 255
labels = torch.from_numpy(digits["labels"]).long()
test = torch.arange(len(images)) % 5 == 0
train_set = TensorDataset(images[~test], labels[~test])
loader = DataLoader(train_set, batch_size=args.batch_size, shuffle=True)

net = Net(args.hidden, args.dropout)
optimizer = torch.optim.SGD(net.parameters(), lr=args.lr, momentum=0.9)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=args.epochs)
criterion = nn.CrossEntropyLoss()
Flor.checkpoints(net, optimizer)

for epoch in Flor.loop(range(args.epochs)):
    total = 0.0
    for data in Flor.loop(loader):
        inputs, targets = data
        optimizer.zero_grad()
        loss = criterion(net(inputs), targets)
        loss.backward()
        optimizer.step()
        total += loss.item()
    scheduler.step()
    score = accuracy(net, images[test], labels[test])
    print(f"epoch {epoch}: loss {total / len(loader):.4f}, test accuracy {score:.3f}")

print(f"norm of the weights: {sum(p.norm().item() for p in net.parameters()):.6f}")
