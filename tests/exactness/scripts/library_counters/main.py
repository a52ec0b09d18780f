"""An installed library counts its calls and draws from a generator of its own, in the skipped loop."""
# EXPECT outer: 3
# EXPECT calls: 15
# EXPECT inner: 15

import hashlib
import os
import sys

import torch

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "site-packages"))
import somewhere

torch.manual_seed(523)
x, y = torch.randn(24, 3), torch.randn(24, 1)
net = torch.nn.Linear(3, 1)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for epoch in range(3):  # NAMED: somewhere.calls
    for rows in torch.randperm(24).split(6):
        optimizer.zero_grad()
        loss = (net(x[rows]) - y[rows] * somewhere.noise()).pow(2).mean()
        loss.backward()
        optimizer.step()
        # PROBE inner: flor.log("loss", [loss.item(), somewhere.calls])
    # PROBE outer: flor.log("weights", net.weight.norm().item())
    # PROBE calls: flor.log("calls", [somewhere.calls, somewhere._dice.getstate()[1][7]])
    print(epoch, loss.item())

print("sha256", hashlib.sha256(net.weight.detach().numpy().tobytes()).hexdigest())
