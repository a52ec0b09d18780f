import torch
from parts import settings

steps_done = 0


def fit(net, x, y):
    global steps_done
    optimizer = torch.optim.Adam(net.parameters(), lr=settings.LR)
    for epoch in range(settings.EPOCHS):
        for rows in torch.randperm(len(x)).split(5):
            loss = (net(x[rows]) - y[rows]).pow(2).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            steps_done += 1
            # PROBE inner: flor.log("loss", [steps_done, loss.item()])
        # PROBE outer: flor.log("weights", [net.out.weight.norm().item(), steps_done])
        print(epoch, steps_done, loss.item())
