"""A generator and a discriminator with an optimizer each, in the manner of a GAN."""
# EXPECT outer: 3
# EXPECT inner: 18
# EXPECT function: 18

import hashlib

import torch
from torch import nn

torch.manual_seed(29)
generator = nn.Sequential(nn.Linear(2, 6), nn.LeakyReLU(0.2), nn.Linear(6, 2))
critic = nn.Sequential(nn.Linear(2, 6), nn.LeakyReLU(0.2), nn.Dropout(0.3), nn.Linear(6, 1))
opt_g = torch.optim.Adam(generator.parameters(), lr=0.01, betas=(0.5, 0.9))
opt_c = torch.optim.Adam(critic.parameters(), lr=0.01, betas=(0.5, 0.9))
bce = nn.BCEWithLogitsLoss()
fixed = torch.randn(4, 2)


def critic_step(real, fake):
    opt_c.zero_grad()
    loss = bce(critic(real), torch.ones(8, 1)) + bce(critic(fake.detach()), torch.zeros(8, 1))
    loss.backward()
    opt_c.step()
    # PROBE function: flor.log("critic", loss.item())
    return loss


for epoch in range(3):
    for step in range(5):
        real = torch.randn(8, 2) * torch.tensor([1.0, 0.2])
        fake = generator(torch.randn(8, 2))
        loss_c = critic_step(real, fake)
        opt_g.zero_grad()
        loss_g = bce(critic(fake), torch.ones(8, 1))
        loss_g.backward()
        opt_g.step()
        # PROBE inner: flor.log("generator", loss_g.item())
    # PROBE outer: flor.log("drawn", generator(fixed).flatten().tolist())
    print(epoch, loss_c.item(), loss_g.item())

weights = [*generator.parameters(), *critic.parameters()]
digest = hashlib.sha256(b"".join(p.detach().numpy().tobytes() for p in weights))
print("sha256", digest.hexdigest())
