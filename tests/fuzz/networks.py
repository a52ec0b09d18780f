"""The networks of the composed scripts, and the losses that they are trained with."""

from __future__ import annotations

from tests.fuzz.parts import Part, part

NETWORKS: dict[str, Part] = {
    "linear": part(setup="net = torch.nn.Linear(6, 2)"),
    "stack": part(
        setup="net = torch.nn.Sequential(torch.nn.Linear(6, 5), torch.nn.Tanh(), torch.nn.Linear(5, 2))"
    ),
    "dropout": part(
        2,
        setup="net = torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.Dropout(0.3), torch.nn.Linear(8, 2))",
    ),
    "batchnorm": part(
        2,
        setup="net = torch.nn.Sequential(torch.nn.Linear(6, 5), torch.nn.BatchNorm1d(5), torch.nn.ReLU(), torch.nn.Linear(5, 2))",
    ),
    "conv": part(
        setup="net = torch.nn.Sequential(torch.nn.Unflatten(1, (1, 2, 3)), torch.nn.Conv2d(1, 3, 2), torch.nn.Flatten(), torch.nn.LazyLinear(2))\nnet(inputs[:2])"
    ),
    "embedding": part(
        classes="""
class Words(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.table = torch.nn.Embedding(4, 3)
        self.head = torch.nn.Linear(18, 2)

    def forward(self, x):
        return self.head(self.table((x.abs() * 1.5).long().clamp(max=3)).flatten(1))
""",
        setup="net = Words()",
    ),
    "tied": part(
        classes="""
class Tied(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.into = torch.nn.Linear(6, 6)
        self.back = torch.nn.Linear(6, 6)
        self.back.weight = self.into.weight

    def forward(self, x):
        return self.back(torch.tanh(self.into(x)))[:, :2]
""",
        setup="net = Tied()",
    ),
    "rnn": part(
        classes="""
class Recurrent(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.cell = torch.nn.GRU(2, 4, batch_first=True)
        self.head = torch.nn.Linear(4, 2)

    def forward(self, x):
        return self.head(self.cell(x.view(len(x), 3, 2))[0][:, -1])
""",
        setup="net = Recurrent()",
    ),
    "stateful_rnn": part(
        classes="""
class Carrying(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.cell = torch.nn.RNNCell(6, 4)
        self.head = torch.nn.Linear(4, 2)
        self.hidden = None

    def forward(self, x):
        hidden = torch.zeros(len(x), 4) if self.hidden is None else self.hidden.detach().float()[: len(x)]
        hidden = hidden if len(hidden) == len(x) else torch.zeros(len(x), 4)
        self.hidden = self.cell(x, hidden)
        return self.head(self.hidden)
""",
        setup="net = Carrying()",
    ),
    "buffers": part(
        classes="""
class Buffered(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(6, 2)
        self.register_buffer("mean", torch.zeros(6), persistent=False)
        self.calls = 0
        self.seen = []

    def forward(self, x):
        if self.training:
            self.mean = 0.9 * self.mean + 0.1 * x.detach().mean(0)
            self.calls += 1
            self.seen.append(self.calls * 0.5)
        # PROBE forward: flor.log("forward_calls", [self.calls, self.mean.sum().item()])
        return self.layer(x - self.mean) * (1 + 0.01 * self.calls)
""",
        setup="net = Buffered()",
    ),
    "noisy_forward": part(
        classes="""
class Noisy(torch.nn.Module):
    steps = 0

    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(6, 2)

    def forward(self, x):
        if self.training:
            Noisy.steps += 1
            x = x + torch.randn_like(x) * 0.1 / Noisy.steps
        out = self.layer(x)
        # PROBE forward: flor.log("forward_out", [Noisy.steps, out.sum().item()])
        return out
""",
        setup="net = Noisy()",
    ),
    "frozen": part(
        setup="net = torch.nn.Sequential(torch.nn.Linear(6, 5), torch.nn.Tanh(), torch.nn.Linear(5, 2))\nnet[0].requires_grad_(False)",
        epoch_start="if epoch == 2:\n    net[0].requires_grad_(True)",
        words={"params": "list(net.parameters())"},
    ),
    "hooked": part(
        setup="""
net = torch.nn.Sequential(torch.nn.Linear(6, 5), torch.nn.ReLU(), torch.nn.Linear(5, 2))
activity = {"calls": 0, "mean": 0.0}

def note_activity(module, args, output):
    activity["calls"] += 1
    activity["mean"] = 0.5 * activity["mean"] + 0.5 * output.detach().mean().item()

net[1].register_forward_hook(note_activity)
""",
        report='activity["calls"], activity["mean"]',
    ),
    "weight_norm": part(
        0.5,
        setup="net = torch.nn.utils.parametrizations.weight_norm(torch.nn.Linear(6, 2))",
    ),
    "module_list": part(
        classes="""
class Deep(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = torch.nn.ModuleList([torch.nn.Linear(6, 6) for _ in range(2)])
        self.scales = torch.nn.ParameterDict({"a": torch.nn.Parameter(torch.ones(6))})
        self.drop = torch.nn.Dropout(0.2)

    def forward(self, x):
        for layer in self.layers:
            x = self.drop(torch.tanh(layer(x)) * self.scales["a"])
            # PROBE forward: flor.log("layer_out", x.sum().item())
        return x[:, :2]
""",
        setup="net = Deep()",
    ),
}

LOSSES: dict[str, Part] = {
    "mse": part(3, words={"loss": "(net(xb) - yb).pow(2).mean()"}),
    "function": part(
        defs="""
def loss_of(net, xb, yb):
    out = net(xb)
    value = (out - yb).abs().mean()
    # PROBE function: flor.log("loss_of", [value.item(), out.sum().item()])
    return value
""",
        words={"loss": "loss_of(net, xb, yb)"},
    ),
    "criterion": part(
        setup="criterion = torch.nn.SmoothL1Loss()", words={"loss": "criterion(net(xb), yb)"}
    ),
    "counting": part(
        defs="""
calls = 0

def counted_loss(net, xb, yb):
    global calls
    calls += 1
    # PROBE function: print("counted", calls, len(xb))
    return (net(xb) - yb).pow(2).mean() * (1 + 0.1 / calls)
""",
        words={"loss": "counted_loss(net, xb, yb)"},
    ),
    "other_file": part(
        imports="import losses",
        words={"loss": "losses.distance(net(xb), yb)"},
        file_losses="""
import torch

weight = torch.ones(2)
history = []

def distance(out, target):
    if len(history) % 5 == 4:
        weight.mul_(0.9)
    value = ((out - target).pow(2) * weight.clone()).mean()
    history.append(value.item())
    # PROBE module: flor.log("distance", [value.item(), len(history)])
    return value
""",
        report="len(losses.history), losses.weight.sum().item()",
    ),
    "module_class": part(
        imports="from engine import Meter, Objective",
        setup="objective = Objective(0.5)\nmeter = Meter()",
        words={"loss": "objective(net(xb), yb)"},
        after_step="meter.update(loss.item())",
        epoch_end="meter.close()",
        file_engine="""
import torch

class Objective(torch.nn.Module):
    def __init__(self, share):
        super().__init__()
        self.share = share
        self.calls = 0

    def forward(self, out, target):
        self.calls += 1
        self.share = min(1.0, self.share + 0.01)
        # PROBE module: flor.log("objective", [self.share, out.sum().item()])
        return (out - target).pow(2).mean() * self.share

class Meter:
    total_updates = 0

    def __init__(self):
        self.total, self.count, self.past = 0.0, 0, []

    def update(self, value):
        self.total += value
        self.count += 1
        Meter.total_updates += 1

    def close(self):
        self.past.append(self.total / max(self.count, 1))
        # PROBE module: flor.log("meter", self.past[-1])
        self.total, self.count = 0.0, 0
""",
        report="meter.past[-1], Meter.total_updates",
    ),
}
