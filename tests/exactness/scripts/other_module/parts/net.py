import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.body = nn.Linear(3, width)
        self.out = nn.Linear(width, 1)

    def forward(self, x):
        hidden = torch.sigmoid(self.body(x))
        # PROBE function: flor.log("hidden", hidden.mean().item())
        return self.out(hidden)
