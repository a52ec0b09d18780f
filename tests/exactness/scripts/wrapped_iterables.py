"""enumerate, zip, itertools and a progress bar of its own around the loaders."""
# EXPECT outer: 3
# EXPECT inner: 18

import hashlib
import itertools

import torch
from torch.utils.data import DataLoader, TensorDataset


class Progress:
    """Counts what passes through it, as progress bars do."""

    total = 0

    def __init__(self, iterable):
        self.iterable = iterable

    def __iter__(self):
        for item in self.iterable:
            yield item
            Progress.total += 1


torch.manual_seed(67)
left, right = torch.randn(40, 3), torch.randn(12, 3)
loader = DataLoader(TensorDataset(left), batch_size=5, shuffle=True)
other = DataLoader(TensorDataset(right), batch_size=5, shuffle=True, drop_last=True)
net = torch.nn.Linear(3, 2)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)


def distance(a, b):
    value = (net(a) - net(b) - 1).pow(2).mean()
    return value


for epoch, scale in Progress(zip(range(3), itertools.count(1.0, 0.5))):
    pairs = zip(loader, itertools.cycle(other))
    for i, ((a,), (b,)) in enumerate(itertools.islice(pairs, 5), start=1):
        optimizer.zero_grad()
        loss = distance(a, b) * scale
        loss.backward()
        optimizer.step()
        # PROBE inner: flor.log("pair", [a.sum().item(), b.sum().item()])
    # PROBE outer: flor.log("weights", [net.weight.norm().item(), scale, i])
    print(epoch, i, Progress.total, loss.item())

print("sha256", hashlib.sha256(net.weight.detach().numpy().tobytes()).hexdigest())
