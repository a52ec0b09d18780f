"""A task in the background changes the learning rate while a coroutine trains."""
# EXPECT outer: min=3 max=15
# EXPECT inner: 15

import asyncio
import hashlib

import torch

torch.manual_seed(337)
x, y = torch.randn(24, 3), torch.randn(24, 1)
net = torch.nn.Linear(3, 1)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)


async def decay():  # NAMED: task decay
    for n in range(1000):
        optimizer.param_groups[0]["lr"] *= 1 - 0.1 / (n + 1)
        await asyncio.sleep(0)


async def main():
    asyncio.get_running_loop().create_task(decay())
    for epoch in range(3):
        for rows in torch.randperm(24).split(6):
            await asyncio.sleep(0)
            optimizer.zero_grad()
            loss = (net(x[rows]) - y[rows]).pow(2).mean()
            loss.backward()
            optimizer.step()
            # PROBE inner: flor.log("rate", optimizer.param_groups[0]["lr"])
        # PROBE outer: flor.log("weights", [net.weight.norm().item(), optimizer.param_groups[0]["lr"]])
        print(epoch, loss.item())


asyncio.run(main())
print(
    "sha256",
    hashlib.sha256(b"".join(p.detach().numpy().tobytes() for p in net.parameters())).hexdigest(),
)
