"""A shuffled loader: the order of every epoch comes from torch's global generator."""
# EXPECT prelude: 0
# EXPECT outer: 3
# EXPECT inner: 21
# EXPECT function: 21
# EXPECT epilogue: 0

import hashlib

import torch
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(11)
features = torch.randn(48, 6)
targets = (features.sum(1, keepdim=True) > 0).float()
loader = DataLoader(TensorDataset(features, targets), batch_size=8, shuffle=True)
net = torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1))
optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)


def loss_of(x, y):
    loss = torch.nn.functional.binary_cross_entropy_with_logits(net(x), y)
    # PROBE function: flor.log("batch_sum", (x.sum() * loss).item())
    return loss


# PROBE prelude: flor.log("first_weights", net[0].weight.norm().item())
for epoch in range(3):
    for x, y in loader:
        loss = loss_of(x, y)
        optimizer.zero_grad()
        loss.backward()
        # PROBE inner: flor.log("grad_norm", sum(p.grad.norm() for p in net.parameters()).item())
        optimizer.step()
    # PROBE outer: flor.log("weights", sum(p.norm().item() for p in net.parameters()))
    print("epoch", epoch, loss.item())

# PROBE epilogue: flor.log("last_weights", net[2].weight.tolist())
weights = b"".join(p.detach().numpy().tobytes() for p in net.parameters())
print("sha256", hashlib.sha256(weights).hexdigest())
