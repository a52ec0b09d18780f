"""Lambdas, and functions made by functions, that others take the place of while training."""
# EXPECT outer: 5
# EXPECT inner: 25

import hashlib
import math

import torch


def schedule(kind, total):
    if kind == "line":

        def factor(step):
            return max(0.0, 1 - step / total)
    else:

        def factor(step):
            return 0.5 * (1 + math.cos(math.pi * min(step, total) / total))

    return factor


def main():
    torch.manual_seed(5)
    x = torch.randn(24, 4)
    y = x.sum(1, keepdim=True)
    net = torch.nn.Linear(4, 1)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    augment = lambda rows: rows  # noqa: E731
    factor = schedule("line", 30)
    report = {"shape": lambda value: f"{value:.3f}", "scale": lambda value, k=1: value * k}
    step = 0
    for epoch in range(5):
        if epoch == 1:
            factor = schedule("wave", 40)
        if epoch == 2:
            augment = lambda rows: rows + 0.1  # noqa: E731
            report["shape"] = lambda value: f"<{value:.2e}>"
        report["scale"] = lambda value, k=epoch: value * k
        for rows in torch.randperm(24).split(6):
            optimizer.param_groups[0]["lr"] = 0.1 * factor(step)
            loss = (net(augment(x[rows])) - y[rows]).pow(2).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            step += 1
            # PROBE inner: flor.log("rate", [factor(step), augment(x[0]).sum().item(), loss.item()])
        # PROBE outer: flor.log("factor", [factor(3), augment(x[0]).sum().item()])
        # PROBE outer: flor.log("report", [report["shape"](0.5), report["scale"](2.0)])
        print(epoch, report["shape"](loss.item()))
    print("sha256", hashlib.sha256(net.weight.detach().numpy().tobytes()).hexdigest())


if __name__ == "__main__":
    main()
