"""A trainer object: fit() runs the epochs, _run_epoch() the batches, _run_batch() a step."""
# EXPECT outer: 3
# EXPECT inner: 18
# EXPECT function: 18

import hashlib
from dataclasses import dataclass, field

import torch


@dataclass
class Meter:
    total: float = 0.0
    count: int = 0
    seen: list = field(default_factory=list)

    def add(self, value):
        self.total += value
        self.count += 1
        self.seen.append(value)


class Trainer:
    def __init__(self, model, lr):
        self.model = model
        self.optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)
        self.scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(self.optimizer, 3)
        self.meter = Meter()
        self.step = 0

    def _run_batch(self, x, y):
        self.optimizer.zero_grad()
        loss = torch.nn.functional.smooth_l1_loss(self.model(x), y)
        loss.backward()
        self.optimizer.step()
        self.step += 1
        self.meter.add(loss.item())
        # PROBE function: flor.log("meter", [self.step, self.meter.total])

    def _run_epoch(self, x, y):
        for rows in torch.randperm(len(x)).split(5):
            self._run_batch(x[rows], y[rows])
            # PROBE inner: flor.log("weight", self.model.weight[0, 0].item())
        self.scheduler.step()

    def fit(self, x, y, epochs):
        for epoch in range(epochs):
            self._run_epoch(x, y)
            # PROBE outer: flor.log("state", [self.meter.seen[-1], self.model.weight.norm().item()])
            print(epoch, self.step, self.meter.total / self.meter.count)


if __name__ == "__main__":
    torch.manual_seed(79)
    data = torch.randn(25, 4)
    trainer = Trainer(torch.nn.Linear(4, 1), lr=0.1)
    trainer.fit(data, data[:, :1] * 2, epochs=3)
    print("sha256", hashlib.sha256(trainer.model.weight.detach().numpy().tobytes()).hexdigest())
