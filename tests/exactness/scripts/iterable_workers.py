"""An IterableDataset whose workers draw random numbers, and share the stream among them."""
# EXPECT outer: 3
# EXPECT inner: min=15 max=30

import hashlib

import torch
from torch.utils.data import DataLoader, IterableDataset, get_worker_info


class Stream(IterableDataset):
    def __iter__(self):
        worker = get_worker_info()
        for n in range(worker.id, 24, worker.num_workers):
            yield torch.rand(3) * (n + 1) / 24


torch.manual_seed(461)
loader = DataLoader(Stream(), batch_size=6, num_workers=2)
net = torch.nn.Linear(3, 1)
optimizer = torch.optim.SGD(net.parameters(), lr=0.05)
for epoch in range(3):
    for inputs in loader:
        optimizer.zero_grad()
        loss = (net(inputs) - inputs.sum(1, keepdim=True)).pow(2).mean()
        loss.backward()
        optimizer.step()
        # PROBE inner: flor.log("loss", loss.item())
    # PROBE outer: flor.log("weights", net.weight.norm().item())
    print(epoch, loss.item())

print(
    "sha256",
    hashlib.sha256(b"".join(p.detach().numpy().tobytes() for p in net.parameters())).hexdigest(),
)
