"""A progress bar as a Python generator around the epochs and the steps, with a count that it keeps."""
# EXPECT outer: 3
# EXPECT inner: 18

import hashlib

import torch
from torch.utils.data import DataLoader, TensorDataset


class Bar:
    def __init__(self, iterable, desc=""):
        self.iterable, self.desc, self.n, self.postfix = iterable, desc, 0, {}

    def __len__(self):
        return len(self.iterable)

    def set_postfix(self, **values):
        self.postfix = values

    def __iter__(self):
        for item in self.iterable:
            yield item
            self.n += 1
        print(self.desc, self.n, self.postfix)


def bar(iterable, desc):
    total = len(iterable)
    for n, item in enumerate(iterable, start=1):
        yield item
        if n == total:
            print(desc, "complete")


torch.manual_seed(317)
x = torch.randn(30, 3)
loader = DataLoader(TensorDataset(x, x.sum(1, keepdim=True)), batch_size=6, shuffle=True)
net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Dropout(0.3), torch.nn.Linear(4, 1))
optimizer = torch.optim.SGD(net.parameters(), lr=0.05)
for epoch in bar(range(3), "epochs"):
    steps = Bar(loader, "steps")
    for i, (inputs, targets) in enumerate(steps):
        optimizer.zero_grad()
        loss = (net(inputs) - targets).pow(2).mean()
        loss.backward()
        optimizer.step()
        steps.set_postfix(loss=loss.item())
        # PROBE inner: flor.log("loss", [loss.item(), steps.n])
    # PROBE outer: flor.log("weights", [net[0].weight.norm().item(), steps.n, i])
    print(epoch, loss.item())

print(
    "sha256",
    hashlib.sha256(b"".join(p.detach().numpy().tobytes() for p in net.parameters())).hexdigest(),
)
