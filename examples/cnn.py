"""Learns handwritten digits with a small convolutional net, on images that are moved at random.

The three sources of randomness that scripts mix are all here: Python's `random` draws the shift,
numpy the noise, and torch the patch that is blanked out.

    flor record examples/cnn.py
"""

import argparse
import random
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset


class ConvNet(nn.Module):
    """Two convolutions with BatchNorm, then a linear layer."""

    def __init__(self, width=8):
        super().__init__()
        self.conv1 = nn.Conv2d(1, width, 3, stride=2, padding=1)
        self.norm1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, 2 * width, 3, stride=2, padding=1)
        self.norm2 = nn.BatchNorm2d(2 * width)
        self.head = nn.Linear(2 * width * 7 * 7, 10)

    def forward(self, x):
        x = F.relu(self.norm1(self.conv1(x)))
        x = F.relu(self.norm2(self.conv2(x)))
        return self.head(x.flatten(1))


class Digits(Dataset):
    """Images as float32[1, 28, 28] with their label, moved and spoilt a little if asked."""

    def __init__(self, images, labels, augment):
        self.images = images
        self.labels = labels
        self.augment = augment

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        image = self.images[index].astype(np.float32) / 255
        if self.augment:
            image = np.roll(image, (random.randint(-2, 2), random.randint(-2, 2)), axis=(0, 1))
            image = image + np.random.normal(0, 0.05, image.shape).astype(np.float32)
        image = torch.from_numpy(image)
        if self.augment:
            row, column = torch.randint(0, 22, (2,)).tolist()
            image[row : row + 6, column : column + 6] = 0
        return image[None], int(self.labels[index])


def seed_everything(seed):
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def train(net, loader, optimizer):
    """One pass over the loader; returns the mean loss."""
    net.train()
    total = 0.0
    for images, labels in loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(net(images), labels)
        loss.backward()
        optimizer.step()
        total += loss.item()
    return total / len(loader)


@torch.no_grad()
def accuracy(net, loader):
    """Share of right answers."""
    net.eval()
    right = 0
    for images, labels in loader:
        right += (net(images).argmax(1) == labels).sum().item()
    return right / len(loader.dataset)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--images", type=int, default=2000, help="how many of the 5,000 to use")
    parser.add_argument("--batch-size", type=int, default=50)
    parser.add_argument("--lr", type=float, default=3e-3)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--seed", type=int, default=2)
    args = parser.parse_args()

    seed_everything(args.seed)
    digits = np.load(Path(__file__).parent / "data" / "mnist_5k.npz")
    order = np.random.permutation(len(digits["labels"]))[: args.images]
    images, labels = digits["images"][order], digits["labels"][order]
    split = args.images // 5
    train_set = Digits(images[split:], labels[split:], augment=True)
    test_set = Digits(images[:split], labels[:split], augment=False)
    train_loader = DataLoader(
        train_set, batch_size=args.batch_size, shuffle=True, num_workers=args.workers
    )
    test_loader = DataLoader(test_set, batch_size=200)

    net = ConvNet()
    optimizer = torch.optim.AdamW(net.parameters(), lr=args.lr)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.5)
    best = 0.0
    for epoch in range(args.epochs):
        loss = train(net, train_loader, optimizer)
        score = accuracy(net, test_loader)
        scheduler.step()
        best = max(best, score)
        print(f"epoch {epoch}: loss {loss:.4f}, test accuracy {score:.3f}, best {best:.3f}")

    print(f"running mean of the last norm: {net.norm2.running_mean.sum().item():.6f}")


if __name__ == "__main__":
    main()
