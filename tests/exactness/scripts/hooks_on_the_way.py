"""Hooks that come and go while training: the next one gets the number that it would have had."""
# EXPECT outer: 4
# EXPECT inner: 16

import hashlib

import torch


class Ears:
    def __init__(self):
        self.heard = []
        self.handles = []

    def attach(self, part):
        self.handles.append(part.register_forward_hook(self.hear))

    def hear(self, part, given, result):
        self.heard.append(result.detach().abs().mean().item())


torch.manual_seed(4)
net = torch.nn.Sequential(torch.nn.Linear(3, 6), torch.nn.ReLU(), torch.nn.Linear(6, 1))
optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.5)
x, y = torch.randn(16, 3), torch.randn(16, 1)
ears = Ears()
ears.attach(net[0])
for epoch in range(4):
    if epoch in (1, 2):
        ears.attach(net[2])
    if epoch == 3:
        ears.handles.pop(1).remove()
    for start in range(0, 12, 4):
        loss = (net(x[start : start + 4]) - y[start : start + 4]).pow(2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        # PROBE inner: flor.log("loss", [loss.item(), len(ears.heard)])
    # PROBE outer: flor.log("heard", [len(ears.heard), ears.heard[-1], len(ears.handles)])
    print(epoch, loss.item(), len(ears.heard))
print("sha256", hashlib.sha256(net[0].weight.detach().numpy().tobytes()).hexdigest())
