"""An embedding and an output layer that are one and the same parameter."""
# EXPECT outer: 3
# EXPECT inner: 18
# EXPECT function: 18

import hashlib

import torch
from torch import nn


class Tiny(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(7, 4)
        self.mix = nn.Linear(4, 4)
        self.out = nn.Linear(4, 7, bias=False)
        self.out.weight = self.embed.weight

    def forward(self, tokens):
        hidden = torch.tanh(self.mix(self.embed(tokens)))
        # PROBE function: flor.log("hidden", hidden.norm().item())
        return self.out(hidden)


torch.manual_seed(41)
tokens = torch.randint(0, 7, (60,))
model = Tiny()
optimizer = torch.optim.Adam(model.parameters(), lr=0.05, amsgrad=True)
for epoch in range(3):
    for start in range(0, 50, 10):
        logits = model(tokens[start : start + 10])
        loss = nn.functional.cross_entropy(logits, tokens[start + 1 : start + 11])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        # PROBE inner: flor.log("loss", loss.item())
    # PROBE outer: flor.log("tied", [model.out.weight is model.embed.weight, model.out.weight.norm().item()])
    print(epoch, loss.item())

print("sha256", hashlib.sha256(model.embed.weight.detach().numpy().tobytes()).hexdigest())
