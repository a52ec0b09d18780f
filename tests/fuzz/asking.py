"""What is asked after a run: probes by the place where they stand.

PROBE lines are added; the lines of APART stand for themselves in a replay, whose guard puts back what
they change, and below `with flor.apart(net):` in the plain run (cases.py).
"""

from __future__ import annotations

PROBES: dict[str, dict[str, str]] = {
    "before": {
        "lr": '# PROBE before: flor.log("lr", epoch * 1.0)',
        "dice": '# APART dice: flor.log("dice", [random.random(), torch.rand(()).item(), float(np.random.rand())])',
    },
    "inner": {
        "inner_loss": '# PROBE inner: flor.log("inner_loss", loss.item())',
        "batch": '# PROBE batch: flor.log("batch", [xb.sum().item(), yb.sum().item(), len(xb)])',
        "grads": '# PROBE grads: flor.log("grads", [None if p.grad is None else p.grad.abs().sum().item() for p in net.parameters()])',
        "printed": '# PROBE printed: print("printed", epoch, loss.item())',
        "forward_again": '# APART forward_again: flor.log("again", net(xb).sum().item())',
    },
    "outer": {
        "weights": '# PROBE outer: flor.log("weights", [p.double().sum().item() for p in net.parameters()])',
        "last_loss": '# PROBE outer: flor.log("last_loss", loss.item())',
        "last_batch": '# PROBE last_batch: flor.log("last_batch", [xb.sum().item(), yb.shape[0]])',
        "said": '# PROBE said: print("said", epoch, [p.norm().item() for p in net.parameters()])',
        "state": '# PROBE state: flor.log("state", sorted((k, v.double().sum().item()) for k, v in net.state_dict().items()))',
        "judged": """
# APART judged: net.eval()
# APART judged: flor.log("judged", (net(inputs) - targets).abs().mean().item())
# APART judged: net.train()
""",
        "drawn": '# APART drawn: flor.log("drawn", [torch.randn(3).tolist(), random.random(), np.random.rand(2).tolist()])',
        "backward": """
# APART backward: net.zero_grad()
# APART backward: (net(inputs) - targets).pow(2).sum().backward()
# APART backward: flor.log("slope", [0.0 if p.grad is None else p.grad.norm().item() for p in net.parameters()])
""",
        "helper": """
# PROBE helper: def spread(module):
# PROBE helper:     return [p.std().item() for p in module.parameters() if p.numel() > 1]
# PROBE helper: flor.log("spread", spread(net))
""",
        "many": """
# PROBE many: for one_of, weight in enumerate(net.parameters()):
# PROBE many:     flor.log("many", [one_of, weight.abs().max().item()])
""",
        "imported": """
# PROBE imported: import math
# PROBE imported: flor.log("root", math.sqrt(abs(loss.item())))
""",
        "mode": '# PROBE mode: flor.log("mode", [net.training, torch.is_grad_enabled()])',
    },
    "epilogue": {
        "final": '# PROBE epilogue: flor.log("final", [p.double().sum().item() for p in net.parameters()])',
        "final_loss": '# PROBE epilogue: flor.log("final_loss", loss.item())',
        "final_print": '# PROBE closing_print: print("closing", epoch, loss.item())',
    },
    "flags": {"late": "", "prelude_more": ""},
}
ALL_PROBES = sorted(name for place in PROBES.values() for name in place)
