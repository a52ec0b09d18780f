"""The next batch is fetched at the end of a step, so a boundary carries it over."""
# 13 turns with two micro-steps each; whether the last counts, which breaks, is left open.
# EXPECT outer: min=12 max=13
# EXPECT inner: min=38 max=39
# EXPECT function: min=38 max=39

import hashlib
import math

import torch

batch_size, micro_steps, max_iters, eval_every = 4, 2, 12, 5
torch.manual_seed(61)
stream = torch.randint(0, 9, (400,))
net = torch.nn.Sequential(torch.nn.Embedding(9, 6), torch.nn.Dropout(0.1), torch.nn.Linear(6, 9))
optimizer = torch.optim.AdamW(net.parameters(), lr=0.01)


def get_batch():
    starts = torch.randint(len(stream) - 7, (batch_size,))
    x = torch.stack([stream[s : s + 6] for s in starts])
    y = torch.stack([stream[s + 1 : s + 7] for s in starts])
    return x, y


def loss_on(x, y):
    loss = torch.nn.functional.cross_entropy(net(x).flatten(0, 1), y.flatten())
    # PROBE function: flor.log("any_loss", loss.item())
    return loss


@torch.no_grad()
def estimate_loss():
    net.eval()
    losses = torch.zeros(3)
    for k in range(3):
        losses[k] = torch.nn.functional.cross_entropy(net(X).flatten(0, 1), Y.flatten())
        losses[k] += torch.rand(1).item() / 100
    net.train()
    return losses.mean().item()


X, Y = get_batch()
iter_num = 0
best = 1e9
while True:
    lr = 0.01 * 0.5 * (1 + math.cos(math.pi * iter_num / max_iters))
    for group in optimizer.param_groups:
        group["lr"] = lr
    if iter_num % eval_every == 0:
        value = estimate_loss()
        best = min(best, value)
        print(f"iter {iter_num}: {value:.8f}, best {best:.8f}")
    for micro_step in range(micro_steps):
        loss = loss_on(X, Y) / micro_steps
        X, Y = get_batch()
        loss.backward()
        # PROBE inner: flor.log("next_batch", [X.sum().item(), loss.item()])
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    # PROBE outer: flor.log("weights", [sum(p.norm().item() for p in net.parameters()), lr])
    iter_num += 1
    if iter_num > max_iters:
        break

weights = b"".join(p.detach().numpy().tobytes() for p in net.parameters())
print("sha256", hashlib.sha256(weights).hexdigest())
