"""Two ranks that average their gradients over gloo, each with its share of the data."""
# COMMAND python -m torch.distributed.run --standalone --nproc-per-node 2 ddp_gloo.py
# EXPECT outer: 6
# EXPECT inner: 30

import hashlib
import os

import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset


def main():
    dist.init_process_group("gloo")
    rank = dist.get_rank()
    torch.manual_seed(509)
    x = torch.randn(48, 3)
    points = TensorDataset(x, x.sum(1, keepdim=True))
    sampler = DistributedSampler(points, shuffle=True)
    loader = DataLoader(points, batch_size=6, sampler=sampler)
    net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Dropout(0.2), torch.nn.Linear(4, 1))
    model = DistributedDataParallel(net)
    torch.manual_seed(521 + rank)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    losses = []
    for epoch in range(3):
        sampler.set_epoch(epoch)
        for inputs, targets in loader:
            optimizer.zero_grad()
            loss = (model(inputs) - targets).pow(2).mean()
            loss.backward()
            optimizer.step()
            # PROBE inner: flor.log("mean", net[0].weight.grad.norm().item())
        total = loss.detach().clone()
        dist.all_reduce(total)
        losses.append(total.item())
        # PROBE outer: flor.log("weights", [net[0].weight.norm().item(), total.item()])
    if rank == 0:
        print(losses)
    dist.destroy_process_group()


main()
