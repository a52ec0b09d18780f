"""Two main loops after each other: a warm-up of the head, then the training of everything."""
# EXPECT between: 0
# EXPECT warm: 4
# EXPECT outer: 3
# EXPECT inner: 15
# EXPECT epilogue: 0

import hashlib

import torch

torch.manual_seed(89)
x, y = torch.randn(28, 4), torch.randn(28, 1)
net = torch.nn.Sequential(torch.nn.Linear(4, 5), torch.nn.Dropout(0.1), torch.nn.Linear(5, 1))
warm_losses = []

head = torch.optim.SGD(net[2].parameters(), lr=0.3)
for step in range(4):
    rows = torch.randint(0, 28, (8,))
    head.zero_grad()
    loss = (net(x[rows]) - y[rows]).pow(2).mean()
    loss.backward()
    head.step()
    warm_losses.append(loss.item())
    # PROBE warm: flor.log("warm", [loss.item(), net[2].weight.norm().item()])
print("warm", warm_losses)
# PROBE between: flor.log("between", [sum(warm_losses), torch.get_rng_state().sum().item()])

optimizer = torch.optim.Adam(net.parameters(), lr=0.02)
for epoch in range(3):
    for rows in torch.randperm(28).split(7):
        optimizer.zero_grad()
        loss = (net(x[rows]) - y[rows]).pow(2).mean() + warm_losses[-1] * 0.01
        loss.backward()
        optimizer.step()
        # PROBE inner: flor.log("grad", net[0].weight.grad.norm().item())
    # PROBE outer: flor.log("weights", [net[0].weight.norm().item(), len(warm_losses)])
    print(epoch, loss.item())

# PROBE epilogue: flor.log("last", [loss.item(), step, epoch])
weights = b"".join(p.detach().numpy().tobytes() for p in net.parameters())
print("sha256", hashlib.sha256(weights).hexdigest())
