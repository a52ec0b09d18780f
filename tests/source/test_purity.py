"""What only looks, and what may change something."""

from __future__ import annotations

import ast

import pytest

from florlib.source.purity import Purity, is_pure


@pytest.mark.parametrize(
    "source",
    [
        "print(loss)",
        "flor.log('loss', loss.item())",
        "flor.log('grad', flor.histogram(net.fc.weight.grad, bins=[0.0, 1.0]))",
        "gn = sum(p.grad.norm() ** 2 for p in net.parameters()) ** 0.5",
        "logger.info('%s', len(losses))",
        "writer.add_scalar('a', float(x), epoch)",
        "if gn > 3:\n    print('big', gn)",
        "for n, p in net.named_parameters():\n    flor.log(n, p.detach().float().mean().item())",
        "with torch.no_grad():\n    flor.log('m', torch.stack(xs).std())",
        "acc = (out.argmax(1) == y).float().mean()",
        "x = math.sqrt(np.mean(a))",
        "print('grad', w.grad.norm().item().hex(), flush=True)",
        "print(name.removeprefix('module.').rjust(20), n.bit_length())",
    ],
)
def test_looking(source: str) -> None:
    assert is_pure(ast.parse(source).body[0])


@pytest.mark.parametrize(
    "source",
    [
        "net.eval()",
        "net.train()",
        "loss.backward()",
        "scheduler.step()",
        "out.mul_(2)",
        "print(net(x))",
        "torch.randn(3)",
        "random.random()",
        "np.random.rand()",
        "F.dropout(x)",
        "a.b = 1",
        "a[0] = 1",
        "del a",
        "xs.append(1)",
        "next(it)",
        "for x in loader: print(x)",
        "print([x for x in test_loader])",
        "print(*batches)",
        "first = list(loader)",
        "net.cpu()",
        "self.model.to('cpu')",
        "torch.mean(x, out=y)",
        "open('f', 'w')",
        "assert x",
    ],
)
def test_touching(source: str) -> None:
    assert not is_pure(ast.parse(source).body[0])


HELPERS = """
def norm(net):
    total = 0.0
    for p in net.parameters():
        total += p.norm() ** 2
    return total ** 0.5

def table(net):
    rows = {}
    names = []
    for name, p in net.named_parameters():
        rows[name] = p.mean().item()
        names.append(name)
    return rows

def first(net):
    return net.fc

def scaled(net):
    m = first(net)
    m.scale = 3

def shrunk(net):
    w = net.weight
    w *= 2

def kept(x, seen=[]):
    seen.append(x)

def counted():
    global calls
    calls = 1

def nested(net):
    held = {"a": net}
    held["a"].scale = 3

def drawn():
    return torch.rand(1)

def again(n):
    return again(n - 1)

def emptied(items):
    return len(list(items))

def twice(net):
    return norm(net) + norm(net)
"""


@pytest.mark.parametrize(
    ("call", "pure"),
    [
        ("norm(net)", True),
        ("table(net)", True),
        ("first(net)", True),
        ("twice(net)", True),
        ("emptied([1])", True),
        ("emptied(loader)", False),
        ("scaled(net)", False),
        ("shrunk(net)", False),
        ("kept(1)", False),
        ("counted()", False),
        ("nested(net)", False),
        ("drawn()", False),
        ("again(1)", False),
        ("unknown(1)", False),
    ],
)
def test_calls_of_functions_of_the_same_file_are_looked_into(call: str, pure: bool) -> None:
    assert Purity.of(ast.parse(HELPERS)).holds(ast.parse(f"print({call})")) is pure


@pytest.mark.parametrize("other", ["norm = other", "import norm", "def f(norm): pass"])
def test_a_name_that_may_mean_something_else_is_not_looked_into(other: str) -> None:
    tree = ast.parse(f"{HELPERS}\n{other}")

    assert not Purity.of(tree).holds(ast.parse("print(norm(net))"))
