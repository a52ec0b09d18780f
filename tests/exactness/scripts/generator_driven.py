"""A generator that trains, asked by next() from a while loop."""
# EXPECT outer: min=3 max=15
# EXPECT inner: min=12 max=15

import hashlib

import torch

torch.manual_seed(349)
x, y = torch.randn(24, 3), torch.randn(24, 1)
net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Dropout(0.3), torch.nn.Linear(4, 1))


def train(net):
    optimizer = torch.optim.Adam(net.parameters(), lr=0.02)
    for epoch in range(3):
        for rows in torch.randperm(24).split(6):
            optimizer.zero_grad()
            loss = (net(x[rows]) - y[rows]).pow(2).mean()
            loss.backward()
            optimizer.step()
            # PROBE inner: flor.log("loss", loss.item())
        # PROBE outer: flor.log("weights", net[0].weight.norm().item())
        yield loss.item()


training = train(net)
seen = []
while len(seen) < 3:
    seen.append(next(training))
    print(len(seen), seen[-1])

print(
    "sha256",
    hashlib.sha256(b"".join(p.detach().numpy().tobytes() for p in net.parameters())).hexdigest(),
)
