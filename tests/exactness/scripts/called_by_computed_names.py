"""Functions that the text shows to be called at the start alone, and that the loops call as well."""
# EXPECT inner: 25
# EXPECT outer: 5
# EXPECT behind: 5

import hashlib

import torch


def show_start(net):
    size = net.weight.norm().item()
    # PROBE outer: flor.log("size", size)
    print("size", size)


def show_loss(value):
    rounded = round(value, 3)
    # PROBE inner: flor.log("rounded", rounded)
    return rounded


def show_epoch(values):
    mean = sum(values) / len(values)
    # PROBE behind: flor.log("mean", mean)
    return mean


def show(kind, value):
    return globals()["show_" + kind](value)


def main():
    torch.manual_seed(3)
    x = torch.randn(24, 4)
    y = x.sum(1, keepdim=True)
    net = torch.nn.Linear(4, 1)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    show_start(net)
    show_loss(0.5)
    show_epoch([1.0])
    for epoch in range(5):
        losses = []
        for rows in torch.randperm(24).split(6):
            loss = (net(x[rows]) - y[rows]).pow(2).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(show("loss", loss.item()))
        show("start", net)
        print(epoch, show("epoch", losses))
    print("sha256", hashlib.sha256(net.weight.detach().numpy().tobytes()).hexdigest())


if __name__ == "__main__":
    main()
