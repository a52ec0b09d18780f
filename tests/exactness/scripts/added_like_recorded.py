"""Added lines that read like recorded ones below them, with a recorded statement that does nothing between."""
# EXPECT outer: 3

import torch

torch.manual_seed(31)
x, y = torch.randn(20, 4), torch.randn(20, 1)
net = torch.nn.Sequential(torch.nn.Linear(4, 5), torch.nn.Dropout(0.4), torch.nn.Linear(5, 1))
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for epoch in range(3):
    for rows in torch.randperm(20).split(5):
        optimizer.zero_grad()
        loss = (net(x[rows]) - y[rows]).pow(2).mean()
        loss.backward()
        optimizer.step()
    # PROBE outer: net.eval()
    # PROBE outer: flor.log("judged", net(x).abs().mean().item())
    # PROBE outer: net.train()
    pass
    # PROBE outer: flor.log("mode", net.training)
    net.eval()
    with torch.no_grad():
        score = (net(x) - y).pow(2).mean().item()
    net.train()
    print(epoch, loss.item(), score)
