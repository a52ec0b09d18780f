"""Counters and a registry that are attributes of classes, which no instance holds."""
# EXPECT outer: 3
# EXPECT inner: 18
# EXPECT function: 18

import hashlib

import torch


class Meter:
    updates = 0
    best = float("inf")
    seen: list[float] = []

    @classmethod
    def add(cls, value):
        cls.updates += 1
        cls.best = min(cls.best, value)
        cls.seen.append(value)
        # PROBE function: flor.log("added", [cls.updates, sum(cls.seen)])


class Layer(torch.nn.Linear):
    passes = 0

    def forward(self, x):
        Layer.passes += 1
        return super().forward(x) * (1 + 0.01 * Layer.passes)


torch.manual_seed(107)
x, y = torch.randn(30, 3), torch.randn(30, 1)
net = torch.nn.Sequential(Layer(3, 4), torch.nn.Tanh(), Layer(4, 1))
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for epoch in range(3):
    for i in range(5):
        optimizer.zero_grad()
        loss = (net(x[i::5]) - y[i::5]).pow(2).mean()
        loss.backward()
        optimizer.step()
        Meter.add(loss.item())
        # PROBE inner: flor.log("loss", [loss.item(), Layer.passes])
    # PROBE outer: flor.log("counters", [Meter.updates, Meter.best, len(Meter.seen), Layer.passes])
    # PROBE outer: flor.log("weights", net[0].weight.norm().item())
    print(epoch, Meter.best, Layer.passes)

weights = b"".join(p.detach().numpy().tobytes() for p in net.parameters())
print("sha256", hashlib.sha256(weights).hexdigest())
