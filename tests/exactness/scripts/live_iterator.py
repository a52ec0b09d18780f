"""One iterator over the loader for all of the training, started anew where it ends."""
# EXPECT outer: min=5 max=20
# EXPECT inner: 20

import hashlib

import torch
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(389)
x = torch.randn(27, 3)
loader = DataLoader(TensorDataset(x, x.sum(1, keepdim=True)), batch_size=6, shuffle=True)
net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Dropout(0.2), torch.nn.Linear(4, 1))
optimizer = torch.optim.SGD(net.parameters(), lr=0.05)
batches = iter(loader)  # NAMED: batches
for epoch in range(4):
    for step in range(4):
        try:
            inputs, targets = next(batches)
        except StopIteration:
            batches = iter(loader)
            inputs, targets = next(batches)
        optimizer.zero_grad()
        loss = (net(inputs) - targets).pow(2).mean()
        loss.backward()
        optimizer.step()
        # PROBE inner: flor.log("loss", loss.item())
    # PROBE outer: flor.log("weights", net[0].weight.norm().item())
    print(epoch, loss.item())

print(
    "sha256",
    hashlib.sha256(b"".join(p.detach().numpy().tobytes() for p in net.parameters())).hexdigest(),
)
