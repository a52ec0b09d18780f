"""Locals that the nested loop leaves behind and the outer body reads."""
# EXPECT outer: 3
# EXPECT inner: 21
# EXPECT function: 3

import hashlib

import torch


def report(epoch, running, correct, last):
    # PROBE function: flor.log("report", [running, correct, last.norm().item()])
    print(epoch, running, correct, f"{last.mean().item():.8f}")


def main():
    torch.manual_seed(12)
    x = torch.randn(36, 4)
    y = (x[:, 0] > x[:, 1]).long()
    net = torch.nn.Linear(4, 2)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.3)
    seen = 0
    for epoch in range(3):
        running, correct, worst = 0.0, 0, None
        for i, rows in enumerate(torch.randperm(36).split(6), start=1):
            scores = net(x[rows])
            loss = torch.nn.functional.cross_entropy(scores, y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            running += loss.item()
            correct += (scores.argmax(1) == y[rows]).sum().item()
            seen += len(rows)
            if worst is None or loss.item() > worst[0]:
                worst = (loss.item(), i)
            # PROBE inner: flor.log("running", running)
        # PROBE outer: flor.log("leftover", [i, loss.item(), scores.sum().item(), rows.tolist()])
        # PROBE outer: flor.log("worst", worst)
        report(epoch, running / i, correct / seen, scores.detach())
    print("sha256", hashlib.sha256(net.weight.detach().numpy().tobytes()).hexdigest())


if __name__ == "__main__":
    main()
