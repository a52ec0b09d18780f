"""A network of 0.3 M with momentum; `benchmarks/ancestors.py` writes the words of each system into it."""

from __future__ import annotations

from contextlib import nullcontext

import torch
from torch.utils.data import DataLoader, TensorDataset

# IMPORT
EPOCHS = 12
SHUFFLE, DROPOUT, SCHEDULED = False, 0.0, False  # CASE
RATE = 0.05  # ARGUMENT
torch.manual_seed(0)
torch.set_num_threads(1)
images, labels = torch.randn(6400, 64), torch.randint(0, 10, (6400,))
loader = DataLoader(TensorDataset(images, labels), batch_size=64, shuffle=SHUFFLE)
net = torch.nn.Sequential(
    torch.nn.Linear(64, 512),
    torch.nn.ReLU(),
    torch.nn.Dropout(DROPOUT),
    torch.nn.Linear(512, 512),
    torch.nn.ReLU(),
    torch.nn.Linear(512, 10),
)
optimizer = torch.optim.SGD(net.parameters(), RATE, momentum=0.9)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 2, 0.5 if SCHEDULED else 1.0)
# ENROLLED
with nullcontext():  # WITHIN
    for epoch in range(EPOCHS):
        step = 0
        net.train()
        for batch, wanted in loader:
            loss = torch.nn.functional.cross_entropy(net(batch), wanted)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            # INNER
            step += 1
        scheduler.step()
        net.eval()
        with torch.no_grad():
            right = (net(images).argmax(1) == labels).float().mean().item()
        # OUTER
        print("epoch", epoch, right)
