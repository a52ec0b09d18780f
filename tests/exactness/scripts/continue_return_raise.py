"""Nested loops that are left by continue, break, return and raise."""
# Steps: 4 and return, 3 and raise, 6, 2 and break. The blocks left by return and raise may run in
# every replay; whether the turn that leaves counts is left open.
# EXPECT outer: min=4 max=11
# EXPECT inner: min=16 max=19
# EXPECT function: min=4 max=11

import hashlib

import torch


class Diverged(Exception):
    pass


def train_epoch(net, optimizer, x, y, epoch):
    for i in range(6):
        rows = torch.randint(0, len(x), (4,))
        if i == 1 and epoch < 3:
            continue
        optimizer.zero_grad()
        loss = (net(x[rows]) - y[rows]).pow(2).mean()
        loss.backward()
        optimizer.step()
        # PROBE inner: flor.log("loss", [i, loss.item()])
        if epoch == 0 and i == 3:
            return "returned", loss.item()
        if epoch == 1 and i == 2:
            raise Diverged(f"step {i}")
        if epoch == 3 and i == 1:
            break
    return "to the end", loss.item()


def recover(optimizer, reason):
    # PROBE function: flor.log("recovered", [str(reason), optimizer.param_groups[0]["lr"]])
    optimizer.param_groups[0]["lr"] *= 0.5
    return "recovered", 0.0


def main():
    torch.manual_seed(137)
    x, y = torch.randn(30, 3), torch.randn(30, 1)
    net = torch.nn.Linear(3, 1)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
    for epoch in range(4):
        try:
            how, value = train_epoch(net, optimizer, x, y, epoch)
        except Diverged as reason:
            how, value = recover(optimizer, reason)
        # PROBE outer: flor.log("weights", [how, net.weight.norm().item(), torch.get_rng_state().sum().item()])
        print(epoch, how, value)
    print("sha256", hashlib.sha256(net.weight.detach().numpy().tobytes()).hexdigest())


main()
