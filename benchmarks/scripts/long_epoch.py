"""One long epoch: an MLP of 5 M parameters that has no boundary until its end."""

from __future__ import annotations

import sys
import time

import torch
from models import Mlp
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
steps = 40 * int(sys.argv[1])
items = TensorDataset(torch.rand(192 * steps, 64), torch.randint(0, 10, (192 * steps,)))
loader = DataLoader(items, batch_size=192, shuffle=True)
net = Mlp()
optimizer = torch.optim.AdamW(net.parameters(), 1e-4)

started, cpu = time.perf_counter(), time.process_time()
for epoch in range(1):
    for step, (images, labels) in enumerate(loader):
        loss = torch.nn.functional.cross_entropy(net(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 100 == 0:
            print("epoch", epoch, "step", step, "loss", loss.item())
print("measured", time.perf_counter() - started, time.process_time() - cpu)
