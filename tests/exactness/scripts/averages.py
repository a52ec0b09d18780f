"""An exponential average in a deep copy, and stochastic weight averaging, beside the net."""
# EXPECT outer: 4
# EXPECT inner: 24

import copy
import hashlib

import torch
from torch.optim.swa_utils import SWALR, AveragedModel

torch.manual_seed(31)
x, y = torch.randn(30, 4), torch.randn(30, 2)
net = torch.nn.Sequential(torch.nn.Linear(4, 5), torch.nn.Tanh(), torch.nn.Linear(5, 2))
ema = copy.deepcopy(net).requires_grad_(False)
swa = AveragedModel(net)
optimizer = torch.optim.SGD(net.parameters(), lr=0.2)
swa_schedule = SWALR(optimizer, swa_lr=0.05, anneal_epochs=2)


@torch.no_grad()
def follow(decay=0.9):
    for mean, weight in zip(ema.parameters(), net.parameters()):
        mean.lerp_(weight, 1 - decay)


for epoch in range(4):
    for i in range(5):
        rows = torch.randperm(30)[:6]
        optimizer.zero_grad()
        loss = (net(x[rows]) - y[rows]).pow(2).mean()
        loss.backward()
        optimizer.step()
        follow()
        # PROBE inner: flor.log("gap", (ema[2].weight - net[2].weight).norm().item())
    if epoch >= 1:
        swa.update_parameters(net)
        swa_schedule.step()
    # PROBE outer: flor.log("swa", [swa.module[0].weight.norm().item(), int(swa.n_averaged)])
    print(epoch, loss.item(), optimizer.param_groups[0]["lr"])

weights = [*net.parameters(), *ema.parameters(), *swa.parameters()]
digest = hashlib.sha256(b"".join(p.detach().numpy().tobytes() for p in weights))
print("sha256", digest.hexdigest())
