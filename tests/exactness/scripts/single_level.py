"""One loop straight over a shuffled loader: the main loop has no loop inside."""
# EXPECT outer: 10
# EXPECT function: 10
# EXPECT epilogue: 0

import hashlib

import torch
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(97)
x = torch.randn(60, 3)
loader = DataLoader(TensorDataset(x, x.cos().sum(1, keepdim=True)), batch_size=6, shuffle=True)
net = torch.nn.Sequential(torch.nn.Linear(3, 6), torch.nn.Dropout(0.2), torch.nn.Linear(6, 1))
optimizer = torch.optim.Adam(net.parameters(), lr=0.02)
total = 0.0


def residual(inputs, targets):
    error = net(inputs) - targets
    # PROBE function: print("residual", repr(error.norm().item()))
    return error


for inputs, targets in loader:
    optimizer.zero_grad()
    loss = residual(inputs, targets).pow(2).mean()
    loss.backward()
    optimizer.step()
    total += loss.item()
    # PROBE outer: print("weights", repr(net[0].weight.norm().item()), repr(total))
    print(f"{loss.item():.9f}")

# PROBE epilogue: print("mean", repr(total / len(loader)), repr(net[2].bias.item()))
weights = b"".join(p.detach().numpy().tobytes() for p in net.parameters())
print("sha256", hashlib.sha256(weights).hexdigest())
