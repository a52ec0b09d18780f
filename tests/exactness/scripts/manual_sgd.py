"""Gradient descent written by hand: no module, no optimizer, one tensor updated, one replaced."""
# EXPECT outer: 3
# EXPECT inner: 21
# EXPECT function: 21

import hashlib

import torch

torch.manual_seed(13)
x = torch.randn(24, 3)
y = x @ torch.tensor([[1.0], [-2.0], [0.5]]) + 0.1 * torch.randn(24, 1)
w = torch.zeros(3, 1, requires_grad=True)
b = torch.zeros(1, requires_grad=True)
velocity = torch.zeros(3, 1)
lr = 0.1


def squared_error(rows):
    error = (x[rows] @ w + b - y[rows]).pow(2).mean()
    # PROBE function: print("error", repr(error.item()))
    return error


for epoch in range(3):
    for i in range(6):
        loss = squared_error(torch.randperm(24)[:8])
        loss.backward()
        # PROBE inner: print("slope", repr(w.grad.norm().item()), repr(b.grad.item()))
        with torch.no_grad():
            velocity.mul_(0.8).add_(w.grad)
            w -= lr * velocity
            w.grad = None
        b = (b - lr * b.grad).detach().requires_grad_()
    lr *= 0.7
    # PROBE outer: print("line", repr(w.norm().item()), repr(b.item()), repr(lr))
    print(epoch, f"{loss.item():.9f}")

print(
    "sha256",
    hashlib.sha256(w.detach().numpy().tobytes() + b.detach().numpy().tobytes()).hexdigest(),
)
