"""FlorDB's names: loop, arg, log and checkpointing, called as its scripts call them."""
# EXPECT outer: 3
# EXPECT inner: 18
# EXPECT function: 18

import hashlib

import flor
import torch

epochs = flor.arg("epochs", 3)
lr = flor.arg("lr", 0.1)
torch.manual_seed(flor.arg("seed", 139))
x, y = torch.randn(30, 3), torch.randn(30, 1)
net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Dropout(0.2), torch.nn.Linear(4, 1))
optimizer = torch.optim.SGD(net.parameters(), lr=lr, momentum=0.9)


def forward(rows):
    out = net(x[rows])
    # PROBE function: flor.log("out", out.norm().item())
    return out


with flor.checkpointing(model=net, optimizer=optimizer):
    for epoch in flor.loop("epoch", range(epochs)):
        for rows in flor.loop("step", torch.randperm(30).split(6)):
            optimizer.zero_grad()
            loss = (forward(rows) - y[rows]).pow(2).mean()
            loss.backward()
            optimizer.step()
            flor.log("loss", loss.item())
            # PROBE inner: flor.log("grad", net[0].weight.grad.norm().item())
        # PROBE outer: flor.log("weights", sum(p.norm().item() for p in net.parameters()))
        print(epoch, flor.log("last", loss.item()))

weights = b"".join(p.detach().numpy().tobytes() for p in net.parameters())
print("sha256", hashlib.sha256(weights).hexdigest())
