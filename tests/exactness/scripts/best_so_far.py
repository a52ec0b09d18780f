"""Best state in a deep copy, a count of patience, and an early stop by break."""
# The sixth iteration breaks in its middle; whether it counts is left open.
# EXPECT outer: min=5 max=6
# EXPECT inner: min=35 max=36
# EXPECT epilogue: max=1

import copy
import hashlib

import torch


def main():
    torch.manual_seed(2)
    x, y = torch.randn(24, 3), torch.randn(24, 1)
    net = torch.nn.Linear(3, 1)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.08)
    best, best_state, patience = float("inf"), None, 0
    for epoch in range(12):
        for i in range(5):
            rows = torch.randint(0, 20, (4,))
            optimizer.zero_grad()
            (net(x[rows]) - y[rows]).pow(2).mean().backward()
            optimizer.step()
            # PROBE inner: flor.log("weights", net.weight.norm().item())
        with torch.no_grad():
            test_loss = (net(x[20:]) - y[20:]).pow(2).mean().item()
        # PROBE outer: flor.log("best", best)
        # PROBE outer: flor.log("kept", 0.0 if best_state is None else best_state["weight"].norm().item())
        print(epoch, test_loss, patience)
        if test_loss < best:
            best, patience = test_loss, 0
            best_state = copy.deepcopy(net.state_dict())
        else:
            patience += 1
            if patience == 2:
                print("stop at", epoch)
                break
    # PROBE epilogue: flor.log("end", [best, patience, net.weight.norm().item()])
    net.load_state_dict(best_state)
    print("best", best)
    print("sha256", hashlib.sha256(net.weight.detach().numpy().tobytes()).hexdigest())


main()
