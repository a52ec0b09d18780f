"""Reads its configuration with exec into its own globals, as small GPT trainers do, and trains by `while True`."""
# EXPECT outer: 14
# EXPECT inner: 42
# EXPECT evaluation: min=0 max=42

import hashlib
import math

import torch

eval_interval = 4
learning_rate = 1e-3
n_hidden = 2
max_iters = 5
dropout = 0.0
accumulate = 2
keys = [
    k for k, v in globals().items() if not k.startswith("_") and isinstance(v, (int, float, str))
]
exec(open("configurator.py").read())
config = {k: globals()[k] for k in keys}
print(config)

torch.manual_seed(503)
text = torch.randint(0, 8, (200,))


def get_batch(split):
    part = text[:160] if split == "train" else text[160:]
    at = torch.randint(len(part) - 4, (5,))
    return torch.stack([part[i : i + 3] for i in at]), torch.stack([part[i + 3] for i in at])


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = torch.nn.Embedding(8, n_hidden)
        self.drop = torch.nn.Dropout(dropout)
        self.head = torch.nn.Linear(3 * n_hidden, 8)
        self.head.weight.data.mul_(0.5)

    def forward(self, x, y):
        logits = self.head(self.drop(self.embed(x).flatten(1)))
        return logits, torch.nn.functional.cross_entropy(logits, y)


@torch.no_grad()
def estimate_loss():
    model.eval()
    losses = torch.stack([model(*get_batch("val"))[1] for _ in range(3)])
    model.train()
    # PROBE evaluation: flor.log("estimate", losses.mean().item())
    return losses.mean().item()


def get_lr(it):
    return learning_rate * 0.5 * (1 + math.cos(math.pi * it / max_iters))


model = Model()
optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate, betas=(0.9, 0.95))
iter_num, best_val_loss = 0, 1e9
X, Y = get_batch("train")
while True:
    lr = get_lr(iter_num)
    for param_group in optimizer.param_groups:
        param_group["lr"] = lr
    if iter_num % eval_interval == 0:
        val = estimate_loss()
        print(iter_num, val)
        if val < best_val_loss:
            best_val_loss = val
            torch.save({"model": model.state_dict(), "iter_num": iter_num}, "ckpt.pt")
    for micro_step in range(accumulate):
        logits, loss = model(X, Y)
        loss = loss / accumulate
        X, Y = get_batch("train")
        loss.backward()
        # PROBE inner: flor.log("loss", [loss.item(), int(X.sum())])
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    # PROBE outer: flor.log("head", [model.head.weight.norm().item(), lr])
    optimizer.zero_grad(set_to_none=True)
    iter_num += 1
    if iter_num >= max_iters:
        break

net = model
print(
    "sha256",
    hashlib.sha256(b"".join(p.detach().numpy().tobytes() for p in net.parameters())).hexdigest(),
)
