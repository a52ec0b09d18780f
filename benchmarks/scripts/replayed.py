"""A network of 0.6 M with Adam that is evaluated behind each epoch; `benchmarks/replay.py` adds lines to it."""

from __future__ import annotations

import sys

import torch

torch.manual_seed(0)
torch.set_num_threads(1)
images, labels = torch.randn(4096, 256), torch.randint(0, 10, (4096,))
net = torch.nn.Sequential(
    torch.nn.Linear(256, 768), torch.nn.ReLU(), torch.nn.Linear(768, 512), torch.nn.Linear(512, 10)
)
optimizer = torch.optim.Adam(net.parameters(), 1e-3)
# PRELUDE
for epoch in range(int(sys.argv[1])):
    order = torch.randperm(len(images))
    for start in range(0, len(images), 64):
        batch = order[start : start + 64]
        loss = torch.nn.functional.cross_entropy(net(images[batch]), labels[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        # INNER
    with torch.no_grad():
        right = (net(images).argmax(1) == labels).float().mean().item()
    # OUTER
    print("epoch", epoch, loss.item(), right)
