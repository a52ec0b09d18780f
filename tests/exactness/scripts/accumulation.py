"""An update every four batches, six batches an epoch: gradients live on across the boundary."""
# EXPECT outer: 3
# EXPECT inner: 21
# EXPECT function: 21

import hashlib

import torch
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(6)
x = torch.randn(36, 4)
loader = DataLoader(TensorDataset(x, x.norm(dim=1, keepdim=True)), batch_size=6, shuffle=True)
net = torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.ReLU(), torch.nn.Linear(6, 1))
optimizer = torch.optim.AdamW(net.parameters(), lr=0.02)
batches = 0
updates = 0


def grad_norm():
    norm = torch.stack([p.grad.norm() for p in net.parameters() if p.grad is not None]).norm()
    # PROBE function: flor.log("kept", norm.item())
    return norm.item()


for epoch in range(3):
    total = 0.0
    for inputs, targets in loader:
        loss = (net(inputs) - targets).abs().mean() / 4
        loss.backward()
        total += grad_norm()
        batches += 1
        # PROBE inner: flor.log("loss", loss.item())
        if batches % 4 == 0:
            optimizer.step()
            optimizer.zero_grad()
            updates += 1
    # PROBE outer: flor.log("pending", [0.0 if p.grad is None else p.grad.norm().item() for p in net.parameters()])
    print(epoch, batches, updates, total)

weights = b"".join(p.detach().numpy().tobytes() for p in net.parameters())
print("sha256", hashlib.sha256(weights).hexdigest())
