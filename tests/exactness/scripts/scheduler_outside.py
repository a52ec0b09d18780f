"""Two schedulers step after the nested loop, where a block's end does not see them."""
# EXPECT outer: 4
# EXPECT inner: 20

import hashlib

import torch

torch.manual_seed(21)
x, y = torch.randn(16, 4), torch.randn(16, 1)
net = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Sigmoid(), torch.nn.Linear(4, 1))
optimizer = torch.optim.SGD(net.parameters(), lr=0.5, momentum=0.9)
steps = torch.optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.3)
decay = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.9)


def train_on(part):
    optimizer.zero_grad()
    loss = (net(x[part::4]) - y[part::4]).pow(2).mean()
    loss.backward()
    optimizer.step()
    return loss


for epoch in range(4):
    for part in range(4):
        loss = train_on(part)
        # PROBE inner: flor.log("loss", loss.item())
    # PROBE outer: flor.log("lr", optimizer.param_groups[0]["lr"])
    # PROBE outer: flor.log("momentum", optimizer.state[net[0].weight]["momentum_buffer"].norm().item())
    steps.step()
    decay.step()
    print(f"{epoch} {loss.item():.8f} {decay.get_last_lr()[0]:.10f}")

weights = b"".join(p.detach().numpy().tobytes() for p in net.parameters())
print("sha256", hashlib.sha256(weights).hexdigest())
