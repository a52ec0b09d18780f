"""What is done hangs on the addresses of objects, and on hashes that are made of them."""
# UNSEEDED
# EXPECT outer: 3
# REFUSED inner: id()

import torch


class Part:
    def __init__(self, weight):
        self.weight = weight


torch.manual_seed(487)
x, y = torch.randn(24, 3), torch.randn(24, 1)
net = torch.nn.Linear(3, 1)
optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
parts = [Part(n / 7) for n in range(40)]
for epoch in range(3):
    for rows in torch.randperm(24).split(6):
        optimizer.zero_grad()
        shift = (id(parts[epoch]) >> 4) % 9973 / 9973  # NAMED: id()
        loss = (net(x[rows]) - y[rows] - shift).pow(2).mean()
        loss.backward()
        optimizer.step()
        print("weights", net.weight.norm().item())
        # PROBE inner: print("weights again", net.weight.norm().item())
    print("epoch", net.weight.norm().item())
    # PROBE outer: print("epoch again", net.weight.norm().item())
