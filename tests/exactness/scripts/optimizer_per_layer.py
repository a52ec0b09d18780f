"""One optimizer a layer, kept in a dict; a loop over them makes the steps."""
# Whether the three turns of the loop over the optimizers count is left open.
# EXPECT outer: 3
# EXPECT inner: min=18 max=63

import hashlib

import torch
from torch import nn

torch.manual_seed(37)
x, y = torch.randn(25, 4), torch.randn(25, 1)
net = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 1))
optimizers = {
    "0": torch.optim.SGD(net[0].parameters(), lr=0.05, momentum=0.9, nesterov=True),
    "2": torch.optim.Adam(net[2].parameters(), lr=0.02),
    "4": torch.optim.Adagrad(net[4].parameters(), lr=0.1),
}


def update():
    for optimizer in optimizers.values():
        optimizer.step()
        optimizer.zero_grad()


for epoch in range(3):
    for i in range(5):
        loss = (net(x[i::5]) - y[i::5]).abs().mean()
        loss.backward()
        update()
        # PROBE inner: flor.log("loss", loss.item())
    # PROBE outer: flor.log("sum", optimizers["4"].state[net[4].weight]["sum"].tolist())
    print(epoch, loss.item())

weights = b"".join(p.detach().numpy().tobytes() for p in net.parameters())
print("sha256", hashlib.sha256(weights).hexdigest())
