"""A thread of the script's own changes the scale, in step with the training."""
# EXPECT outer: min=3 max=15
# EXPECT inner: 15

import hashlib
import queue
import threading

import torch

torch.manual_seed(479)
x, y = torch.randn(24, 3), torch.randn(24, 1)
net = torch.nn.Linear(3, 1)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
asked, answers = queue.Queue(), queue.Queue()


def scales():  # NAMED: thread scales
    scale = 1.0
    while True:
        scale = 0.8 * scale + 0.01 * asked.get()
        answers.put(scale)


threading.Thread(target=scales, daemon=True).start()
for epoch in range(3):
    for rows in torch.randperm(24).split(6):
        asked.put(epoch)
        scale = answers.get()
        optimizer.zero_grad()
        loss = (net(x[rows]) - y[rows]).pow(2).mean() * scale
        loss.backward()
        optimizer.step()
        # PROBE inner: flor.log("loss", [loss.item(), scale])
    # PROBE outer: flor.log("weights", [net.weight.norm().item(), scale])
    print(epoch, loss.item(), scale)

print(
    "sha256",
    hashlib.sha256(b"".join(p.detach().numpy().tobytes() for p in net.parameters())).hexdigest(),
)
