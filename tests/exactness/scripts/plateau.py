"""ReduceLROnPlateau decides by a test loss that only the outer body computes."""
# EXPECT outer: 4
# EXPECT inner: 24
# EXPECT function: 4

import hashlib

import torch


def validate(net, x, y):
    with torch.no_grad():
        loss = (net(x) - y).pow(2).mean().item()
    # PROBE function: flor.log("validation", loss)
    return loss


def main():
    torch.manual_seed(8)
    x, y = torch.randn(40, 4), torch.randn(40, 1)
    net = torch.nn.Linear(4, 1)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.9)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.25, patience=0)
    for epoch in range(4):
        for i in range(5):
            rows = torch.randint(0, 30, (6,))
            optimizer.zero_grad()
            (net(x[rows]) - y[rows]).pow(2).mean().backward()
            optimizer.step()
            # PROBE inner: flor.log("weight", net.weight[0, i % 4].item())
        scheduler.step(validate(net, x[30:], y[30:]))
        # PROBE outer: flor.log("plateau", [scheduler.best, scheduler.num_bad_epochs])
        print(epoch, optimizer.param_groups[0]["lr"])
    print("sha256", hashlib.sha256(net.weight.detach().numpy().tobytes()).hexdigest())


main()
