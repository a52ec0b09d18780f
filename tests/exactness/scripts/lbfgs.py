"""LBFGS: the closure runs several times a step, and the optimizer keeps lists of directions."""
# EXPECT outer: 3
# EXPECT inner: 15
# EXPECT function: 15

import hashlib

import torch

torch.manual_seed(43)
x = torch.rand(32, 2)
y = torch.sin(4 * x[:, :1]) * x[:, 1:]
net = torch.nn.Sequential(torch.nn.Linear(2, 5), torch.nn.Tanh(), torch.nn.Linear(5, 1))
optimizer = torch.optim.LBFGS(net.parameters(), lr=0.5, max_iter=4, history_size=5)
calls = 0

for epoch in range(3):
    for part in range(4):

        def closure():
            global calls
            calls += 1
            optimizer.zero_grad()
            loss = (net(x[part::4]) - y[part::4]).pow(2).mean()
            loss.backward()
            # PROBE function: flor.log("evaluated", [calls, loss.item()])
            return loss

        loss = optimizer.step(closure)
        # PROBE inner: flor.log("loss", loss.item())
    # PROBE outer: flor.log("weights", [calls, net[0].weight.norm().item()])
    print(epoch, calls, loss.item())

weights = b"".join(p.detach().numpy().tobytes() for p in net.parameters())
print("sha256", hashlib.sha256(weights).hexdigest())
