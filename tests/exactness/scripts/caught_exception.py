"""The main loop is left by an exception that the script catches; it goes on from there."""
# EXPECT outer: 6
# EXPECT inner: 18
# EXPECT epilogue: min=1 max=8

import hashlib

import torch

torch.manual_seed(353)
x, y = torch.randn(24, 3), torch.randn(24, 1)
net = torch.nn.Linear(3, 1)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
seen = []


class Converged(Exception):
    pass


def check(loss, epoch):
    if epoch == 3 and len(seen) > 14:
        raise Converged(f"after {len(seen)} steps")


try:
    for epoch in range(9):
        for rows in torch.randperm(24).split(6):
            optimizer.zero_grad()
            loss = (net(x[rows]) - y[rows]).pow(2).mean()
            loss.backward()
            optimizer.step()
            seen.append(loss.item())
            # PROBE inner: flor.log("loss", loss.item())
            check(loss, epoch)
        # PROBE outer: flor.log("weights", net.weight.norm().item())
        print(epoch, loss.item())
except Converged as found:
    print("converged", found)

print("last", seen[-1], len(seen))
# PROBE epilogue: flor.log("seen", [len(seen), seen[-1], net.weight.norm().item()])
print(
    "sha256",
    hashlib.sha256(b"".join(p.detach().numpy().tobytes() for p in net.parameters())).hexdigest(),
)
