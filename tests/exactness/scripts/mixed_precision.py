"""bfloat16 autocast with a GradScaler whose scale grows by its own count and falls on overflow."""
# EXPECT outer: 3
# EXPECT inner: 18
# EXPECT function: 18

import hashlib

import torch


def backward(scaler, optimizer, loss):
    scaler.scale(loss).backward()
    scaler.step(optimizer)
    scaler.update()
    # PROBE function: flor.log("scale", scaler.get_scale())


def main():
    torch.manual_seed(47)
    x, y = torch.randn(40, 6), torch.randn(40, 1)
    net = torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.GELU(), torch.nn.Linear(8, 1))
    optimizer = torch.optim.AdamW(net.parameters(), lr=0.01)
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0, growth_interval=3)
    for epoch in range(3):
        for i in range(5):
            optimizer.zero_grad(set_to_none=True)
            with torch.autocast("cpu", dtype=torch.bfloat16):
                loss = (net(x[i::5]).float() - y[i::5]).pow(2).mean()
            if (epoch, i) == (1, 2):
                loss = loss * float("inf")
            backward(scaler, optimizer, loss)
            # PROBE inner: flor.log("loss", loss.item())
        # PROBE outer: flor.log("weights", [net[2].weight.norm().item(), scaler.state_dict()["_growth_tracker"]])
        print(epoch, loss.item(), scaler.get_scale())
    weights = b"".join(p.detach().numpy().tobytes() for p in net.parameters())
    print("sha256", hashlib.sha256(weights).hexdigest())


main()
