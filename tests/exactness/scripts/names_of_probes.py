"""Added lines use names that other functions and the module have for state of their own."""
# EXPECT outer: 4
# EXPECT inner: 16

import torch

scale = torch.ones(2)
calls = 0


def loss_of(net, x):
    global calls
    calls += 1
    if calls % 4 == 0:
        scale.mul_(0.9)
    best = min(net(x).abs().mean().item(), 0.5)
    return (net(x) * scale.clone()).pow(2).mean() * (1 + best)


def main():
    torch.manual_seed(137)
    net = torch.nn.Linear(3, 2)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for epoch in range(4):
        for i in range(3):
            optimizer.zero_grad()
            loss = loss_of(net, torch.randn(4, 3))
            loss.backward()
            optimizer.step()
            # PROBE inner: calls = [loss.item(), i]
            # PROBE inner: flor.log("loss", calls)
        # PROBE outer: for best, scale in enumerate(net.parameters()):
        # PROBE outer:     flor.log("largest", [best, scale.abs().max().item()])
        print(epoch, loss.item(), *numbers())


def numbers():
    return calls, scale.sum().item()


main()
