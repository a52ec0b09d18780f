"""A coroutine trains, and waits for others in between."""
# EXPECT outer: 3
# EXPECT inner: 15
# EXPECT function: 15

import asyncio
import hashlib

import torch

torch.manual_seed(331)
x, y = torch.randn(24, 3), torch.randn(24, 1)
net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Dropout(0.3), torch.nn.Linear(4, 1))
optimizer = torch.optim.SGD(net.parameters(), lr=0.05)


async def step(rows):
    optimizer.zero_grad()
    loss = (net(x[rows]) - y[rows]).pow(2).mean()
    await asyncio.sleep(0)
    loss.backward()
    optimizer.step()
    # PROBE function: flor.log("stepped", loss.item())
    return loss.item()


async def main():
    history = []
    for epoch in range(3):
        for rows in torch.randperm(24).split(6):
            history.append(await step(rows))
            # PROBE inner: flor.log("loss", history[-1])
        # PROBE outer: flor.log("weights", [net[0].weight.norm().item(), len(history)])
        print(epoch, history[-1])
    return history


history = asyncio.run(main())
print(len(history), sum(history))
print(
    "sha256",
    hashlib.sha256(b"".join(p.detach().numpy().tobytes() for p in net.parameters())).hexdigest(),
)
