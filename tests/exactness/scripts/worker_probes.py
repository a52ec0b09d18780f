"""Lines that are added to what runs in the loader's worker processes, beside one that is not."""
# REFUSED workers: num_workers
# EXPECT outer: 3

import hashlib

import torch
from torch.utils.data import DataLoader, Dataset


class Points(Dataset):
    def __init__(self, x):
        self.x = x

    def __len__(self):
        return len(self.x)

    def __getitem__(self, index):
        point = self.x[index] * 2
        # PROBE workers: flor.log("point", point.sum().item())
        return point, point.sum(0, keepdim=True)


torch.manual_seed(367)
loader = DataLoader(Points(torch.randn(24, 3)), batch_size=6, shuffle=True, num_workers=2)
net = torch.nn.Linear(3, 1)
optimizer = torch.optim.SGD(net.parameters(), lr=0.05)
for epoch in range(3):
    for inputs, targets in loader:
        optimizer.zero_grad()
        loss = (net(inputs) - targets).pow(2).mean()
        loss.backward()
        optimizer.step()
        # PROBE workers: flor.log("loss", loss.item())
    # PROBE outer: flor.log("weights", net.weight.norm().item())
    print(epoch, loss.item())

print(
    "sha256",
    hashlib.sha256(b"".join(p.detach().numpy().tobytes() for p in net.parameters())).hexdigest(),
)
