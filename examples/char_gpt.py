"""Trains a small transformer on Python's own help texts, letter by letter, then writes some.

In the manner of the small GPT trainers: settings and objects are globals of the module, the loop
is a `while True` that ends by `break`, the learning rate is set by hand, gradients are summed
over micro-batches, and the next batch is fetched while the present one is still at work.

    flor record examples/char_gpt.py
"""

import argparse
import math
from pydoc_data.topics import topics

import torch
import torch.nn as nn
from torch.nn import functional as F

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--max-iters", type=int, default=300)
parser.add_argument("--eval-interval", type=int, default=100)
parser.add_argument("--sample-length", type=int, default=120)
parser.add_argument("--lr", type=float, default=3e-3)
parser.add_argument("--seed", type=int, default=3)
args = parser.parse_args()

block_size = 48
batch_size = 12
gradient_accumulation_steps = 2
eval_batches = 8
n_layer, n_head, n_embd, dropout = 2, 4, 48, 0.1
learning_rate = args.lr
min_lr = args.lr / 10
warmup_iters = 10
grad_clip = 1.0

torch.manual_seed(args.seed)

text = "".join(topics[name] for name in sorted(topics))
letters = sorted(set(text))
number_of = {letter: number for number, letter in enumerate(letters)}
encoded = torch.tensor([number_of[letter] for letter in text])
cut = int(0.9 * len(encoded))
splits = {"train": encoded[:cut], "val": encoded[cut:]}


def get_batch(split):
    """A batch of windows of the text and the same windows one letter later."""
    source = splits[split]
    starts = torch.randint(len(source) - block_size - 1, (batch_size,))
    x = torch.stack([source[s : s + block_size] for s in starts])
    y = torch.stack([source[s + 1 : s + 1 + block_size] for s in starts])
    return x, y


class Block(nn.Module):
    """Attention over what came before, then a small MLP, both with a residual path."""

    def __init__(self):
        super().__init__()
        self.norm1 = nn.LayerNorm(n_embd)
        self.qkv = nn.Linear(n_embd, 3 * n_embd, bias=False)
        self.project = nn.Linear(n_embd, n_embd, bias=False)
        self.norm2 = nn.LayerNorm(n_embd)
        self.mlp = nn.Sequential(
            nn.Linear(n_embd, 4 * n_embd), nn.GELU(), nn.Linear(4 * n_embd, n_embd)
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, x):
        batch, length, width = x.shape
        q, k, v = (
            part.view(batch, length, n_head, width // n_head).transpose(1, 2)
            for part in self.qkv(self.norm1(x)).split(n_embd, dim=2)
        )
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        mixed = mixed.transpose(1, 2).reshape(batch, length, width)
        x = x + self.dropout(self.project(mixed))
        return x + self.dropout(self.mlp(self.norm2(x)))


class GPT(nn.Module):
    """Letter and place embeddings, blocks, and an output layer tied to the letter embedding."""

    def __init__(self):
        super().__init__()
        self.letters = nn.Embedding(len(letters), n_embd)
        self.places = nn.Embedding(block_size, n_embd)
        self.blocks = nn.ModuleList(Block() for _ in range(n_layer))
        self.norm = nn.LayerNorm(n_embd)
        self.head = nn.Linear(n_embd, len(letters), bias=False)
        self.head.weight = self.letters.weight
        nn.init.normal_(self.letters.weight, std=0.02)
        nn.init.normal_(self.places.weight, std=0.02)

    def forward(self, idx, targets=None):
        x = self.letters(idx) + self.places(torch.arange(idx.shape[1]))
        for block in self.blocks:
            x = block(x)
        logits = self.head(self.norm(x))
        if targets is None:
            return logits, None
        return logits, F.cross_entropy(logits.flatten(0, 1), targets.flatten())

    @torch.no_grad()
    def write(self, idx, length):
        """Append `length` sampled letters to each row of idx."""
        for _ in range(length):
            logits, _ = self(idx[:, -block_size:])
            odds = F.softmax(logits[:, -1], dim=-1)
            idx = torch.cat([idx, torch.multinomial(odds, 1)], dim=1)
        return idx


@torch.no_grad()
def estimate_loss():
    """Mean loss over a few batches of each split, with dropout off."""
    model.eval()
    means = {}
    for split in splits:
        losses = torch.zeros(eval_batches)
        for k in range(eval_batches):
            _, loss = model(*get_batch(split))
            losses[k] = loss
        means[split] = losses.mean().item()
    model.train()
    return means


def get_lr(it):
    """Linear warm-up, then a cosine down to min_lr."""
    if it < warmup_iters:
        return learning_rate * (it + 1) / warmup_iters
    progress = (it - warmup_iters) / max(1, args.max_iters - warmup_iters)
    return min_lr + 0.5 * (1 + math.cos(math.pi * progress)) * (learning_rate - min_lr)


model = GPT()
optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate, betas=(0.9, 0.95))
iter_num = 0
best_val_loss = 1e9
X, Y = get_batch("train")

while True:
    lr = get_lr(iter_num)
    for param_group in optimizer.param_groups:
        param_group["lr"] = lr

    if iter_num % args.eval_interval == 0:
        losses = estimate_loss()
        best_val_loss = min(best_val_loss, losses["val"])
        print(f"step {iter_num}: train loss {losses['train']:.4f}, val loss {losses['val']:.4f}")

    for micro_step in range(gradient_accumulation_steps):
        logits, loss = model(X, Y)
        loss = loss / gradient_accumulation_steps
        X, Y = get_batch("train")
        loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), grad_clip)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)

    iter_num += 1
    if iter_num > args.max_iters:
        break

print(f"best val loss {best_val_loss:.4f}")
model.eval()
sample = model.write(torch.tensor([[number_of["\n"]]]), args.sample_length)[0].tolist()
print("".join(letters[number] for number in sample).strip())
