"""The learning rate is set through a group's dict that was kept, before and after a reload."""
# EXPECT outer: 4
# EXPECT inner: 20

import copy
import hashlib

import torch

torch.manual_seed(301)
x, y = torch.randn(24, 3), torch.randn(24, 1)
net = torch.nn.Linear(3, 1)
optimizer = torch.optim.SGD(net.parameters(), lr=0.2, momentum=0.9)
stale = optimizer.param_groups[0]
optimizer.load_state_dict(copy.deepcopy(optimizer.state_dict()))
group = optimizer.param_groups[0]
for epoch in range(4):
    for rows in torch.randperm(24).split(6):
        optimizer.zero_grad()
        loss = (net(x[rows]) - y[rows]).pow(2).mean()
        loss.backward()
        optimizer.step()
        # PROBE inner: flor.log("rate", [group["lr"], optimizer.param_groups[0]["lr"]])
    stale["lr"] *= 3
    group["lr"] *= 0.7
    if epoch == 1:
        optimizer.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    # PROBE outer: flor.log("groups", [net.weight.norm().item(), stale["lr"], group is optimizer.param_groups[0]])
    print(epoch, loss.item(), optimizer.param_groups[0]["lr"])

print(
    "sha256",
    hashlib.sha256(b"".join(p.detach().numpy().tobytes() for p in net.parameters())).hexdigest(),
)
