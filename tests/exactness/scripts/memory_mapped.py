"""A data set that is mapped from a file, and counts in another that is mapped for writing."""
# EXPECT outer: min=3 max=15
# EXPECT inner: 15

import hashlib

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

np.random.default_rng(3).normal(size=(24, 4)).astype("float32").tofile("data.bin")


class Mapped(Dataset):
    def __init__(self, path):
        self.rows = np.memmap(path, dtype="float32", mode="r", shape=(24, 4))
        self.first = self.rows[:, :3]

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        return torch.from_numpy(np.array(self.first[index])), float(self.rows[index, 3])


torch.manual_seed(359)
loader = DataLoader(Mapped("data.bin"), batch_size=6, shuffle=True)
seen = np.memmap("seen.bin", dtype="int64", mode="w+", shape=(6,))
net = torch.nn.Linear(3, 1)
optimizer = torch.optim.SGD(net.parameters(), lr=0.05)
for epoch in range(3):
    for x, y in loader:
        optimizer.zero_grad()
        loss = (net(x)[:, 0] - y).pow(2).mean() * (1 + 0.01 * float(seen[0]))
        loss.backward()
        optimizer.step()
        seen[: len(x)] += 1
        # PROBE inner: flor.log("loss", [loss.item(), int(seen.sum())])
    # PROBE outer: flor.log("rows", [loader.dataset.rows.mode, int(seen.sum()), net.weight.norm().item()])
    print(epoch, loss.item())

print(
    "sha256",
    hashlib.sha256(b"".join(p.detach().numpy().tobytes() for p in net.parameters())).hexdigest(),
)
