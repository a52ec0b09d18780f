"""2 GB of data in a global tensor, which training only reads, beside a small network."""

from __future__ import annotations

import sys
import time

import torch

torch.manual_seed(0)
rows = torch.randint(0, 256, (1 << 13, 2048), dtype=torch.uint8)
data = rows.repeat(128, 1)  # uint8[1048576, 2048]
data[:, 0] = torch.arange(len(data)) % 251
net = torch.nn.Sequential(torch.nn.Linear(2048, 512), torch.nn.ReLU(), torch.nn.Linear(512, 1))
optimizer = torch.optim.AdamW(net.parameters(), 1e-4)

started, cpu = time.perf_counter(), time.process_time()
for epoch in range(int(sys.argv[1])):
    order = torch.randperm(len(data))
    for step in range(100):
        batch = data[order[256 * step : 256 * (step + 1)]].float() / 255
        optimizer.zero_grad()
        loss = (net(batch).squeeze(1) - batch[:, 0]).square().mean()
        loss.backward()
        optimizer.step()
    print("epoch", epoch, "loss", loss.item())
print("measured", time.perf_counter() - started, time.process_time() - cpu)
