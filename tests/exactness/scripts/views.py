"""Weights that are views of one flat tensor, an array that shares a tensor's memory, slices."""
# EXPECT outer: 3
# EXPECT inner: 18

import hashlib

import numpy as np
import torch

torch.manual_seed(19)
x, y = torch.randn(20, 3), torch.randn(20, 1)
flat = torch.randn(8) * 0.3
matrix, row = flat[:6].view(3, 2), flat[6:]
counts = np.zeros(4)
counts_too = torch.from_numpy(counts)
trail = torch.zeros(3, 2)
newest = trail[-1]


def predict(inputs):
    first = matrix.detach().requires_grad_()
    second = row.detach().requires_grad_()
    out = torch.tanh(inputs @ first) @ second.unsqueeze(1)
    return out, first, second


for epoch in range(3):
    for i in range(5):
        out, first, second = predict(x[i::5])
        loss = (out - y[i::5]).pow(2).mean()
        loss.backward()
        flat[:6].sub_(0.2 * first.grad.flatten())
        row.sub_(0.2 * second.grad)
        counts_too[i % 4] += loss.item()
        # PROBE inner: flor.log("shared", [flat.sum().item(), matrix.sum().item(), float(counts.sum())])
    flat.mul_(0.99)
    trail[:-1] = trail[1:].clone()
    newest.copy_(row)
    # PROBE outer: flor.log("window", trail.tolist())
    # PROBE outer: flor.log("alias", [newest.sum().item() - trail[2].sum().item(), float(counts[0])])
    print(epoch, matrix.norm().item(), counts.tolist())

print("sha256", hashlib.sha256(flat.numpy().tobytes() + counts.tobytes()).hexdigest())
