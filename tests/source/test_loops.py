"""Loops found in scripts, and which of them train."""

from __future__ import annotations

import ast
import textwrap

import pytest

from florlib.source.imports import project_imports
from florlib.source.loops import LoopSite, find_loops


def loops_of(source: str, **others: str) -> tuple[LoopSite, ...]:
    files = {"train.py": source, **{f"{name}.py": text for name, text in others.items()}}
    trees = {path: ast.parse(textwrap.dedent(text)) for path, text in files.items()}
    return find_loops(trees)["train.py"]


def training_of(source: str, **others: str) -> list[int]:
    return [site.ordinal for site in loops_of(source, **others) if site.training]


PLAIN = """
import torch
net = torch.nn.Linear(2, 1)
solver = torch.optim.SGD(net.parameters(), lr=0.1)
for epoch in range(3):
    for x, y in loader:
        loss = criterion(net(x), y)
        loss.backward()
        solver.step()
    for x, y in test_loader:
        correct += (net(x) == y).sum()
"""


def test_training_and_evaluation_are_told_apart() -> None:
    epoch, batch, evaluation = loops_of(PLAIN)

    assert (epoch.training, batch.training, evaluation.training) == (True, True, False)
    assert (epoch.name, batch.name, batch.parent) == ("epoch", "loop", 0)
    assert (epoch.line, epoch.end_line, epoch.function) == (5, 11, "<module>")
    assert {"epoch", "x", "y", "loss", "correct"} == epoch.stored
    assert "solver" in batch.loaded
    assert "loader" not in batch.loaded


TRAINS = {
    "backward alone": "for i in r:\n    loss.backward()",
    "while True": "while True:\n    o.zero_grad()\n    loss.backward()\n    if done: break",
    "while test": "while trainer.step():\n    pass",
    "step of torch.optim": "import torch\no = torch.optim.Adam(p)\nfor i in r: o.step()",
    "aliased optimizer": "from torch import optim as q\no = q.Adam(p)\nfor i in r: o.step()",
    "imported optimizer": "from torch.optim import Adam\ns.o = Adam(p)\nfor i in r: s.o.step()",
    "list of optimizers": (
        "import torch\nos = [torch.optim.SGD(p) for p in ps]\nfor i in r:\n    for o in os: o.step()"
    ),
    "dict of optimizers": "for i in r: self.optimizers['g'].step()",
    "scaler": "for i in r: scaler.step(o)",
    "scaled backward": "for i in r: scaler.scale(loss).backward()",
    "closure": (
        "for i in r:\n    def closure():\n        loss.backward()\n        return loss\n"
        "    optimizer.step(closure)"
    ),
    "function": "def go(m):\n    m.loss().backward()\nfor i in r: go(net)",
    "function in function": (
        "def main():\n    def one():\n        loss.backward()\n    for i in r: one()\nmain()"
    ),
    "method chain": (
        "class T:\n    def run(self):\n        for e in r: self._epoch(e)\n"
        "    def _epoch(self, e): self._batch(e)\n"
        "    def _batch(self, e): self.o.step(); self.loss.backward()\n"
    ),
    "method named train": (
        "class T:\n    def train(self):\n        loss.backward()\nt = T()\nfor i in r: t.train()"
    ),
    "base class": (
        "class B:\n    def one(self): loss.backward()\nclass T(B):\n    def run(self):\n"
        "        for i in r: self.one()"
    ),
    "constructor": "class T:\n    def __init__(self): loss.backward()\nfor i in r: T()",
    "generator": "def go():\n    loss.backward()\n    yield loss\nfor l in go(): print(l)",
}


@pytest.mark.parametrize("name", TRAINS)
def test_training_is_found(name: str) -> None:
    assert 0 in training_of(TRAINS[name])


IDLE = {
    "environment": "for i in r:\n    env.step(a)\n    self.envs.step(a)",
    "scheduler": (
        "from torch.optim.lr_scheduler import StepLR\ns = StepLR(o)\n"
        "for i in r:\n    s.step()\n    scheduler.step()\n    opt_sched.step()"
    ),
    "profiler": "for i in r: prof.step()",
    "definition alone": "for i in r:\n    def f(): loss.backward()",
    "handed around": "def f(): loss.backward()\nfor i in r: g(f)",
    "mode": "def train(m): loss.backward()\nfor i in r: model.train()",
    "mode, with a trainer beside": (
        "class T:\n    def train(self): loss.backward()\n"
        "def evaluate(model):\n    for x in r: model.train(False)"
    ),
    "other class's method": (
        "class A:\n    def update(self): loss.backward()\nclass M:\n    def update(self): pass\n"
        "m = M()\nfor i in r: m.update()"
    ),
    "foreign object": (
        "from tqdm import tqdm\nclass A:\n    def update(self): loss.backward()\n"
        "bar = tqdm()\nfor i in r: bar.update()"
    ),
}


@pytest.mark.parametrize("name", IDLE)
def test_other_loops_do_not_train(name: str) -> None:
    assert training_of(IDLE[name]) == []


@pytest.mark.parametrize(
    ("script", "helper"),
    [
        ("from helper import go\nfor e in r: go()", "def go(): loss.backward()"),
        ("from helper import go as g\nfor e in r: g()", "def go(): loss.backward()"),
        ("from .helper import *\nfor e in r: go()", "def go(): loss.backward()"),
        ("import helper\nfor e in r: helper.go()", "def go(): loss.backward()"),
        (
            "from helper import T\nt = T()\nfor e in r: t.go()",
            "class T:\n    def go(self): self.loss.backward()",
        ),
        (
            "import helper\ndef main(t):\n    for e in r: t.go()\nmain(helper.T())",
            "class T:\n    def go(self): self.loss.backward()",
        ),
    ],
)
def test_training_in_other_files_is_found(script: str, helper: str) -> None:
    assert training_of(script, helper=helper) == [0]


@pytest.mark.parametrize(
    ("header", "name", "explicit"),
    [
        ("for epoch in r:", "epoch", False),
        ("for i, x in enumerate(r):", "loop", False),
        ("while True:", "while", False),
        ("for e in flor.loop('epoch', r):", "epoch", True),
        ("for e in flor.loop(r):", "e", True),
        ("for e in Flor.loop(r, name='epoch'):", "epoch", True),
        ("for i, e in enumerate(tqdm(MTK.loop(r, probed=True))):", "loop", True),
        ("for e in other.loop('epoch', r):", "e", False),
    ],
)
def test_names(header: str, name: str, explicit: bool) -> None:
    (site,) = loops_of(f"import flor\n{header}\n    pass")

    assert (site.name, site.explicit) == (name, explicit)


def test_where_loops_stand() -> None:
    source = """\
    class T:
        def fit(self):
            for e in r:
                print(e)
                def inner():
                    while e: pass
    for a in r:
        pass
    else:
        for b in r: logger.info(b)
    """

    fit, inner, a, b = loops_of(source)

    assert [fit.function, inner.function, a.function] == [
        "T.fit",
        "T.fit.<locals>.inner",
        "<module>",
    ]
    assert (inner.parent, b.parent) == (None, None)
    assert [site.logs for site in (fit, inner, a, b)] == [True, False, False, True]
    assert [site.has_else for site in (fit, inner, a, b)] == [False, False, True, False]


def test_hindsight_does_not_show() -> None:
    recorded = ast.parse("for e in r:\n    x = e\nfor f in r: pass")
    present = ast.parse(
        "for e in r:\n    gn = 0\n    for p in ps:\n        p.backward()\n    x = e\nfor f in r: pass"
    )
    spans = frozenset({(2, 2), (3, 4)})

    before = find_loops({"train.py": recorded})["train.py"]
    after = find_loops({"train.py": present}, {"train.py": spans})["train.py"]

    assert [(s.ordinal, s.training, s.stored, s.loaded) for s in before] == [
        (s.ordinal, s.training, s.stored, s.loaded) for s in after
    ]


@pytest.mark.parametrize(
    ("statement", "path", "found"),
    [
        ("import model", "train.py", ["model.py"]),
        (
            "import pkg.sub.m",
            "train.py",
            ["pkg/__init__.py", "pkg/sub/__init__.py", "pkg/sub/m.py"],
        ),
        ("from pkg import sub", "train.py", ["pkg/__init__.py", "pkg/sub/__init__.py"]),
        ("from pkg.tools import go", "train.py", ["pkg/__init__.py", "pkg/tools.py"]),
        ("from . import tools", "pkg/main.py", ["pkg/__init__.py", "pkg/tools.py"]),
        ("from .tools import *", "pkg/main.py", ["pkg/__init__.py", "pkg/tools.py"]),
        ("from ..tools import go", "pkg/sub/m.py", ["pkg/__init__.py", "pkg/tools.py"]),
        ("def f():\n    import model", "train.py", ["model.py"]),
        ("import model", "pkg/main.py", ["model.py"]),
        ("import torch", "train.py", []),
    ],
)
def test_project_imports(statement: str, path: str, found: list[str]) -> None:
    files = {"model.py", "pkg/__init__.py", "pkg/tools.py", "pkg/sub/__init__.py", "pkg/sub/m.py"}

    imports = project_imports(ast.parse(statement), path, files.__contains__)

    assert [file for file in imports if file != path] == found


def test_given_roots_alone_are_searched() -> None:
    tree = ast.parse("import model")

    assert project_imports(tree, "pkg/main.py", {"model.py"}.__contains__, ["pkg"]) == []
