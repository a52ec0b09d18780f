"""The loops, the net and the settings live in modules beside the script."""
# EXPECT outer: 3
# EXPECT inner: 18
# EXPECT function: 18
# EXPECT epilogue: 0

import hashlib

import engine
import torch
from parts import settings
from parts.net import Net

torch.manual_seed(settings.SEED)
x = torch.randn(25, 3)
net = Net(settings.WIDTH)
engine.fit(net, x, x.prod(1, keepdim=True))
# PROBE epilogue: flor.log("after", [engine.steps_done, net.out.weight.norm().item()])

weights = b"".join(p.detach().numpy().tobytes() for p in net.parameters())
print("sha256", hashlib.sha256(weights).hexdigest())
