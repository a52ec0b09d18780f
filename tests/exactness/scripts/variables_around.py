"""A function inside of another one; a probe in it reads a variable that it did not read before."""
# EXPECT inner: 16
# EXPECT outer: 4

import hashlib

import torch


def main():
    torch.manual_seed(443)
    x, y = torch.randn(24, 3), torch.randn(24, 1)
    net = torch.nn.Linear(3, 1)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    epoch, rate = -1, 0.1

    def run_epoch():
        for rows in torch.randperm(24).split(8):
            optimizer.zero_grad()
            loss = (net(x[rows]) - y[rows]).pow(2).mean()
            loss.backward()
            optimizer.step()
            # PROBE inner: flor.log("step", [epoch, rate, loss.item()])
        # PROBE outer: flor.log("after", [epoch, rate, loss.item()])
        return loss

    while epoch < 3:
        epoch += 1
        rate *= 0.9
        print(epoch, run_epoch().item())
    print("sha256", hashlib.sha256(net.weight.detach().numpy().tobytes()).hexdigest())


main()
