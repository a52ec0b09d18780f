"""Another process counts on its own, and is asked in every epoch."""
# EXPECT outer: min=3 max=15
# EXPECT inner: 15

import hashlib
import subprocess
import sys

import torch

COUNTER = "import sys\ntotal = 0.0\nfor line in sys.stdin:\n total += float(line); print(total, flush=True)"
torch.manual_seed(419)
x, y = torch.randn(24, 3), torch.randn(24, 1)
net = torch.nn.Linear(3, 1)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
counter = subprocess.Popen(  # NAMED: counter
    [sys.executable, "-c", COUNTER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
)
for epoch in range(3):
    counter.stdin.write("0.25\n")
    counter.stdin.flush()
    scale = float(counter.stdout.readline())
    for rows in torch.randperm(24).split(6):
        optimizer.zero_grad()
        loss = (net(x[rows]) - y[rows]).pow(2).mean() * scale
        loss.backward()
        optimizer.step()
        # PROBE inner: flor.log("loss", [loss.item(), scale])
    # PROBE outer: flor.log("weights", [net.weight.norm().item(), scale])
    print(epoch, loss.item(), scale)
counter.stdin.close()
counter.wait()
print(
    "sha256",
    hashlib.sha256(b"".join(p.detach().numpy().tobytes() for p in net.parameters())).hexdigest(),
)
