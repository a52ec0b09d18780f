"""A file that is written and read by one handle, and a text that is gone through line by line."""
# EXPECT outer: min=3 max=15
# EXPECT inner: 15

import hashlib
import tempfile

import torch

torch.manual_seed(499)
x, y = torch.randn(24, 3), torch.randn(24, 1)
net = torch.nn.Linear(3, 1)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
scratch = tempfile.TemporaryFile("w+")  # NAMED: scratch
with open("scales.txt", "w") as file:
    file.writelines(f"{1 / (n + 1)}\n" for n in range(20))
lines = open("scales.txt")  # NAMED: lines
next(lines)
for epoch in range(3):
    scale = float(next(lines))
    for rows in torch.randperm(24).split(6):
        optimizer.zero_grad()
        loss = (net(x[rows]) - y[rows]).pow(2).mean() * scale
        loss.backward()
        optimizer.step()
        scratch.write(f"{loss.item()}\n")
        # PROBE inner: flor.log("loss", [loss.item(), scale])
    scratch.seek(0)
    seen = scratch.readlines()
    # PROBE outer: flor.log("weights", [net.weight.norm().item(), scale, len(seen)])
    print(epoch, loss.item(), scale, len(seen))

print(
    "sha256",
    hashlib.sha256(b"".join(p.detach().numpy().tobytes() for p in net.parameters())).hexdigest(),
)
