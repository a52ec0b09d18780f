"""Lists and dicts of what happened so far; what comes next depends on their whole length."""
# EXPECT outer: 4
# EXPECT inner: 20
# EXPECT function: 4

import hashlib

import torch

torch.manual_seed(23)
x, y = torch.randn(20, 3), torch.randn(20, 1)
net = torch.nn.Linear(3, 1)
optimizer = torch.optim.SGD(net.parameters(), lr=0.05)
history = {"loss": [], "norm": []}
losses = []
rows_of_epochs = []


def trend():
    recent = losses[-6:]
    # PROBE function: print("trend of", len(losses), repr(sum(recent)))
    return sum(recent) / len(recent)


for epoch in range(4):
    for i in range(4):
        optimizer.zero_grad()
        loss = (net(x[i::4]) - y[i::4]).pow(2).mean() * (1 + 0.01 * len(losses))
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        history["norm"].append(net.weight.norm().item())
        # PROBE inner: print("sum", repr(sum(losses)), len(history["norm"]))
    history["loss"].append(trend())
    rows_of_epochs.append({"epoch": epoch, "best": min(losses)})
    # PROBE outer: print("history", repr(history), rows_of_epochs[-1])
    if len(history["loss"]) > 1 and history["loss"][-1] > 0.95 * history["loss"][-2]:
        optimizer.param_groups[0]["lr"] *= 0.5
    print(epoch, trend())

print(len(losses), history["norm"][::5], rows_of_epochs)
print("sha256", hashlib.sha256(net.weight.detach().numpy().tobytes()).hexdigest())
