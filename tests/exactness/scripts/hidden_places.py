"""What running changes behind methods, descriptors, modules made by hand, and dunder names."""
# EXPECT outer: 4
# EXPECT inner: 16

import functools
import hashlib
import types

import torch

notes = types.ModuleType("notes")
notes.total, notes.rows = 0.0, []
__lowest__ = 1e9


def counted(function):
    @functools.wraps(function)
    def counting(*words):
        counting.calls += 1
        return function(*words)

    counting.calls = 0
    return counting


class Watched:
    """A descriptor that keeps what was set, beside the object's own value."""

    def __init__(self):
        self.values = []

    def __set_name__(self, owner, name):
        self.name = "_" + name

    def __get__(self, thing, owner=None):
        return self if thing is None else getattr(thing, self.name, None)

    def __set__(self, thing, value):
        self.values.append(value)
        setattr(thing, self.name, value)


def make_network(width):
    turns = 0
    sizes = []

    class Network(torch.nn.Module):
        loss = Watched()

        def __init__(self):
            super().__init__()
            self.inner = torch.nn.Linear(4, width)
            self.outer = torch.nn.Linear(width, 1)

        def forward(self, x):
            nonlocal turns
            turns += 1
            sizes.append(len(x))
            return self.outer(torch.tanh(self.inner(x))) * (1.01 if turns > 6 else 1.0)

        @property
        def turns(self):
            return turns

        @staticmethod
        def remember(value, memory=[]):  # noqa: B006
            memory.append(value)
            return len(memory)

        @counted
        def measure(self, x, y, seen={}):  # noqa: B006
            seen[len(seen)] = len(x)
            return (self(x) - y).pow(2).mean() + 0 * len(seen)

        @property
        def sizes(self):
            return sum(sizes)

    return Network()


torch.manual_seed(8)
x = torch.randn(24, 4)
y = x.sum(1, keepdim=True)
net = make_network(5)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for epoch in range(4):
    for rows in torch.randperm(24).split(8):
        loss = net.measure(x[rows], y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        net.loss = loss.item()
        net.remember(epoch)
        notes.total += loss.item()
        notes.rows.append(len(rows))
        __lowest__ = min(__lowest__, loss.item())
        # PROBE inner: flor.log("turn", [net.turns, loss.item()])
    kinds = type(net)
    # PROBE outer: flor.log("turns", [net.turns, net.sizes, kinds.measure.calls, __lowest__])
    # PROBE outer: flor.log("losses", [len(kinds.loss.values), sum(kinds.loss.values)])
    # PROBE outer: flor.log("seen", len(kinds.measure.__wrapped__.__defaults__[0]))
    # PROBE outer: flor.log("memory", len(kinds.remember.__defaults__[0]))
    # PROBE outer: flor.log("notes", [notes.total, len(notes.rows)])
    print(epoch, loss.item())
print("sha256", hashlib.sha256(net.inner.weight.detach().numpy().tobytes()).hexdigest())
