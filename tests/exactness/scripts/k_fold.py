"""Cross-validation: the main loop is entered once a fold, with a net and an optimizer made anew."""
# EXPECT outer: 9
# EXPECT inner: 39
# EXPECT fold: 3
# EXPECT epilogue: 0

import hashlib

import torch
from torch.utils.data import DataLoader, Subset, TensorDataset

torch.manual_seed(307)
x = torch.randn(30, 3)
points = TensorDataset(x, x.sum(1, keepdim=True))
scores = []


def validate(net, rows):
    net.eval()
    with torch.no_grad():
        score = (net(x[rows]) - x[rows].sum(1, keepdim=True)).pow(2).mean().item()
    net.train()
    return score


def train_fold(fold, rows, held_out):
    loader = DataLoader(Subset(points, rows), batch_size=5, shuffle=True)
    net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Dropout(0.2), torch.nn.Linear(4, 1))
    optimizer = torch.optim.Adam(net.parameters(), lr=0.02)
    for epoch in range(2):
        for inputs, targets in loader:
            optimizer.zero_grad()
            loss = (net(inputs) - targets).pow(2).mean()
            loss.backward()
            optimizer.step()
            # PROBE inner: flor.log("loss", loss.item())
        score = validate(net, held_out)
        # PROBE outer: flor.log("score", [fold, score, net[0].weight.norm().item()])
        print(fold, epoch, score)
    return net, score


for fold in range(3):
    held_out = list(range(fold, 30, 6))
    rows = [n for n in range(30) if n % 6 != fold]
    net, score = train_fold(fold, rows, held_out)
    scores.append(score)
    # PROBE fold: flor.log("fold", [fold, score, net[2].weight.norm().item()])

# PROBE epilogue: flor.log("mean", sum(scores) / len(scores))
print(
    "sha256",
    hashlib.sha256(b"".join(p.detach().numpy().tobytes() for p in net.parameters())).hexdigest(),
)
