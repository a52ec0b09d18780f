"""State that lives only in the cells of closures, changed through nonlocal."""
# EXPECT outer: 3
# EXPECT inner: 18
# EXPECT function: 18

import hashlib

import torch


def make_momentum(decay):
    velocity = torch.zeros(3)
    calls = 0

    def update(weight, grad):
        nonlocal velocity, calls
        velocity = decay * velocity + grad
        calls += 1
        weight -= 0.05 / calls**0.5 * velocity
        # PROBE function: flor.log("velocity", [calls, velocity.norm().item()])

    def report():
        return calls, velocity.sum().item()

    return update, report


def main():
    torch.manual_seed(103)
    x, y = torch.randn(30, 3), torch.randn(30)
    weight = torch.randn(3, requires_grad=True)
    update, report = make_momentum(0.9)
    worst = 0.0

    def keep_worst(value):
        nonlocal worst
        worst = max(worst, value)

    for epoch in range(3):
        for i in range(5):
            loss = (x[i::5] @ weight - y[i::5]).pow(2).mean()
            loss.backward()
            with torch.no_grad():
                update(weight, weight.grad)
            weight.grad = None
            keep_worst(loss.item())
            # PROBE inner: flor.log("weight", weight.norm().item())
        # PROBE outer: flor.log("report", [*report(), worst])
        print(epoch, report(), worst)
    print("sha256", hashlib.sha256(weight.detach().numpy().tobytes()).hexdigest())


main()
