"""Processes train one net in shared memory, between the epochs that the script itself trains."""
# REFUSED inner: trains in another process
# EXPECT outer: min=3 max=15
# EXPECT own: min=3 max=15

import hashlib

import torch
import torch.multiprocessing as mp

x = torch.linspace(-1, 1, 72).view(24, 3)
y = x.sum(1, keepdim=True)


def nudge(net, epoch):
    torch.set_num_threads(1)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05)
    for rows in torch.arange(24).split(6):
        optimizer.zero_grad()
        loss = (net(x[rows]) - y[rows] * epoch).pow(2).mean()
        loss.backward()
        optimizer.step()
        # PROBE inner: flor.log("loss", loss.item())


def main():
    torch.manual_seed(379)
    net = torch.nn.Linear(3, 1)
    net.share_memory()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for epoch in range(3):
        child = mp.Process(target=nudge, args=(net, epoch))  # NAMED: nudge
        child.start()
        child.join()
        for rows in torch.randperm(24).split(6):
            optimizer.zero_grad()
            loss = (net(x[rows]) - y[rows]).pow(2).mean()
            loss.backward()
            optimizer.step()
            # PROBE own: flor.log("own", loss.item())
        # PROBE outer: flor.log("weights", net.weight.norm().item())
        print(epoch, loss.item())
    print("sha256", hashlib.sha256(net.weight.detach().numpy().tobytes()).hexdigest())


if __name__ == "__main__":
    mp.set_start_method("fork")
    main()
