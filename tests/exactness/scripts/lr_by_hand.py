"""Learning rates written by hand, once into param_groups and once through an older alias."""
# EXPECT outer: 3
# EXPECT inner: 18

import hashlib
import math

import torch

torch.manual_seed(4)
x, y = torch.randn(20, 3), torch.randn(20, 1)
first, second = torch.nn.Linear(3, 5), torch.nn.Linear(5, 1)
optimizer = torch.optim.Adam(
    [{"params": first.parameters()}, {"params": second.parameters(), "name": "head"}], lr=0.1
)
body, head = optimizer.param_groups
it = 0


def set_rates(step):
    for group in optimizer.param_groups:
        group["lr"] = 0.05 * (1 + math.cos(step / 4))
    head["lr"] *= 2


for epoch in range(3):
    for i in range(5):
        set_rates(it)
        optimizer.zero_grad()
        loss = (second(torch.relu(first(x[i::5]))) - y[i::5]).pow(2).mean()
        loss.backward()
        optimizer.step()
        it += 1
        # PROBE inner: flor.log("head", second.weight.norm().item() * head["lr"])
    body["weight_decay"] += 0.01
    # PROBE outer: flor.log("decay", [body["weight_decay"], head["weight_decay"], head["name"], it])
    print(epoch, loss.item(), body["lr"], head["lr"])

weights = first.weight.detach().numpy().tobytes() + second.weight.detach().numpy().tobytes()
print("sha256", hashlib.sha256(weights).hexdigest())
