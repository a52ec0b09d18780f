"""BatchNorm: running statistics move in the forward pass, also of batches without an update."""
# EXPECT outer: 3
# EXPECT inner: 18
# EXPECT function: 18

import hashlib

import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(1, 3, 3)
        self.norm = nn.BatchNorm1d(3)
        self.out = nn.Linear(3, 1)

    def forward(self, x):
        seen = self.norm(self.conv(x))
        # PROBE function: flor.log("tracked", int(self.norm.num_batches_tracked))
        return self.out(seen.relu().mean(2))


torch.manual_seed(17)
x, y = torch.randn(40, 1, 8), torch.randn(40, 1)
net = Net()
optimizer = torch.optim.RMSprop(net.parameters(), lr=0.01)
for epoch in range(3):
    for i in range(5):
        rows = slice(8 * i, 8 * i + 8)
        loss = nn.functional.mse_loss(net(x[rows]), y[rows])
        # PROBE inner: flor.log("mean", net.norm.running_mean.sum().item())
        if i == 2:
            continue
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    net.eval()
    quiet = net(x[:8]).sum().item()
    net.train()
    # PROBE outer: flor.log("variance", net.norm.running_var.tolist())
    print(epoch, loss.item(), quiet)

digest = hashlib.sha256()
for value in net.state_dict().values():
    digest.update(value.numpy().tobytes())
print("sha256", digest.hexdigest())
