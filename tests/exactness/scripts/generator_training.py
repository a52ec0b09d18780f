"""The loop stands in a generator function, whose caller takes one loss after the other."""
# EXPECT outer: min=3 max=15
# EXPECT inner: min=12 max=15
# EXPECT consumer: min=3 max=15

import hashlib

import torch

torch.manual_seed(347)
x, y = torch.randn(24, 3), torch.randn(24, 1)
net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Dropout(0.3), torch.nn.Linear(4, 1))


def train(net):
    optimizer = torch.optim.Adam(net.parameters(), lr=0.02)
    scale = 1.0
    for epoch in range(3):
        for rows in torch.randperm(24).split(6):
            optimizer.zero_grad()
            loss = (net(x[rows]) - y[rows]).pow(2).mean() * scale
            loss.backward()
            optimizer.step()
            # PROBE inner: flor.log("loss", [loss.item(), scale])
        scale *= 0.8
        # PROBE outer: flor.log("weights", [net[0].weight.norm().item(), scale])
        yield epoch, loss.item()


best = float("inf")
for epoch, loss in train(net):
    best = min(best, loss)
    # PROBE consumer: flor.log("best", [best, net[2].weight.norm().item()])
    print(epoch, loss, best)

print(
    "sha256",
    hashlib.sha256(b"".join(p.detach().numpy().tobytes() for p in net.parameters())).hexdigest(),
)
