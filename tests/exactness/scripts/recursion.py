"""A training function that calls itself with half the learning rate while the loss is too high."""
# EXPECT outer: 6
# EXPECT inner: 30

import hashlib

import torch

torch.manual_seed(311)
x, y = torch.randn(24, 3), torch.randn(24, 1)


def train(net, lr, depth):
    optimizer = torch.optim.SGD(net.parameters(), lr=lr, momentum=0.9)
    for epoch in range(2):
        for rows in torch.randperm(24).split(6):
            optimizer.zero_grad()
            loss = (net(x[rows]) - y[rows]).pow(2).mean()
            loss.backward()
            optimizer.step()
            # PROBE inner: flor.log("loss", loss.item())
        # PROBE outer: flor.log("weights", [depth, net.weight.norm().item(), optimizer.param_groups[0]["lr"]])
        print(depth, epoch, loss.item())
    return loss.item() if depth == 2 else train(net, lr / 2, depth + 1)


net = torch.nn.Linear(3, 1)
print("ended at", train(net, 0.2, 0))
print(
    "sha256",
    hashlib.sha256(b"".join(p.detach().numpy().tobytes() for p in net.parameters())).hexdigest(),
)
