"""A spawned child makes the data, a second Python process is asked in every epoch."""
# EXPECT outer: 3
# EXPECT inner: 15

import hashlib
import multiprocessing
import subprocess
import sys

import torch


def make_points(queue, count):
    torch.manual_seed(127)
    queue.put(torch.randn(count, 3).tolist())


def factor(epoch):
    code = f"print(1 / ({epoch} + 3))"
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    return float(answer.stdout)


def main():
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    child = context.Process(target=make_points, args=(queue, 24))
    child.start()
    x = torch.tensor(queue.get())
    child.join()
    print("child left with", child.exitcode)
    torch.manual_seed(131)
    net = torch.nn.Linear(3, 1)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for epoch in range(3):
        scale = factor(epoch)
        for rows in torch.randperm(24).split(6):
            optimizer.zero_grad()
            loss = (net(x[rows]) - scale).pow(2).mean()
            loss.backward()
            optimizer.step()
            # PROBE inner: flor.log("loss", loss.item())
        # PROBE outer: flor.log("weights", [net.weight.norm().item(), scale])
        print(epoch, scale, loss.item())
    print("sha256", hashlib.sha256(net.weight.detach().numpy().tobytes()).hexdigest())


if __name__ == "__main__":
    main()
