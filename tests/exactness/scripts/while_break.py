"""A single `while True` that counts by itself and leaves by break."""
# Whether the turn that breaks counts is left open.
# EXPECT outer: min=12 max=13
# EXPECT function: min=12 max=13
# EXPECT epilogue: max=1

import hashlib

import torch

torch.manual_seed(53)
x, y = torch.randn(50, 3), torch.randn(50, 1)
net = torch.nn.Linear(3, 1)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.8)
smooth = None
it = 0


def blend(old, new):
    # PROBE function: flor.log("blend", [old, new])
    return new if old is None else 0.9 * old + 0.1 * new


while True:
    if it >= 12:
        break
    rows = torch.randint(0, 50, (5,))
    loss = (net(x[rows]) - y[rows]).pow(2).mean()
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
    smooth = blend(smooth, loss.item())
    # PROBE outer: flor.log("weights", net.weight.norm().item())
    if it % 4 == 0:
        print(it, smooth)
    it += 1

# PROBE epilogue: flor.log("end", [it, smooth])
print("sha256", hashlib.sha256(net.weight.detach().numpy().tobytes()).hexdigest())
