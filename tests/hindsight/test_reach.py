"""What probes look into: prelude, body, epilogue, and loops that must be stepped."""

from __future__ import annotations

import ast
from collections.abc import Sequence

import pytest

from florlib.ground.recorded import Loops
from florlib.hindsight.probes import Probe, compare
from florlib.hindsight.reach import Called, Reach, reach
from florlib.source.loops import find_loops

SCRIPT = """\
import torch
from tools import report

def norm(net):
    total = 0
    return total

def batch(net, x):
    loss = net(x)
    loss.backward()
    return loss

@torch.no_grad()
def evaluate(net):
    good = norm(net)
    return good

class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.n = 1

    def forward(self, x):
        y = x
        return y

    @property
    def size(self):
        z = 1
        return z

def setup():
    s = 1
    return s

def unused():
    u = 1

def handed(x):
    v = 1
    return v

def samples(n):
    for i in range(n):
        yield i

def collate(b):
    w = 1
    return w

def main():
    setup()
    net = Net()
    loader = Loader(collate_fn=collate)
    net.train()
    for epoch in range(3):
        for x in loader:
            batch(net, x)
        for x in samples(3):
            opt.step()
        acc = evaluate(net)
    norm(net)
    finish(handed)

if __name__ == "__main__":
    seed = 1
    main()
    print("end")
"""
TOOLS = "level = 1\n\ndef report():\n    t = 1\n"


def reach_of(
    *edits: tuple[str, str],
    script: str = SCRIPT,
    tools: str = TOOLS,
    main: str = "for epoch",
    calls: Sequence[Called] = (),
) -> Reach:
    """The reach of a print behind each of the given lines."""
    recorded = {"train.py": script, "tools.py": tools}
    probes = []
    for path, line in edits:
        assert recorded[path].count(line + "\n") == 1, line
        shift = 4 if line.rstrip().endswith(":") else 0
        indent = " " * (len(line) - len(line.lstrip()) + shift)
        present = recorded[path].replace(line + "\n", f"{line}\n{indent}print('probe')\n")
        comparison = compare(path, recorded[path], present)
        assert comparison.verdict == "probe"
        probes += comparison.probes
    trees = {path: ast.parse(text) for path, text in recorded.items()}
    loops = find_loops(trees)
    lines = script.splitlines()
    mains = [
        ("train.py", site.ordinal)
        for site in loops["train.py"]
        if lines[site.line - 1].lstrip().startswith(main)
    ]
    assert mains
    return reach(trees, loops, mains, probes, calls)


BATCHES, SAMPLES = ("train.py", 2), ("train.py", 3)
INSIDE, OUTERMOST = frozenset({("train.py", 1)}), frozenset({("train.py", 0)})
EVERYTHING = Reach(True, True, True, frozenset({BATCHES, SAMPLES}), True, INSIDE)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("        acc = evaluate(net)", Reach(body=True, mains=INSIDE)),
        ("    for epoch in range(3):", Reach(body=True, mains=INSIDE)),
        ("            batch(net, x)", Reach(body=True, mains=INSIDE, step=frozenset({BATCHES}))),
        ("            opt.step()", Reach(body=True, mains=INSIDE, step=frozenset({SAMPLES}))),
        ("    net.train()", Reach(prelude=True)),
        ("    setup()", Reach(prelude=True)),
        ("    norm(net)", Reach(epilogue=True)),
        ("    finish(handed)", Reach(epilogue=True)),
        ("    seed = 1", Reach(prelude=True)),
        ("    main()", Reach(epilogue=True)),
        ('    print("end")', Reach(epilogue=True)),
        ("import torch", Reach(prelude=True)),
        ("    s = 1", Reach(prelude=True)),
        ("    loss.backward()", Reach(body=True, mains=INSIDE, step=frozenset({BATCHES}))),
        ("    good = norm(net)", Reach(body=True, mains=INSIDE)),
        ("    total = 0", Reach(body=True, mains=INSIDE, epilogue=True)),
        ("        self.n = 1", Reach(prelude=True)),
        ("    for i in range(n):", Reach(body=True, mains=INSIDE, step=frozenset({SAMPLES}))),
        ("        y = x", EVERYTHING),
        ("        z = 1", EVERYTHING),
        ("    u = 1", EVERYTHING),
        ("    v = 1", EVERYTHING),
        ("    w = 1", EVERYTHING),
    ],
)
def test_reach(line: str, expected: Reach) -> None:
    assert reach_of(("train.py", line)) == expected


def test_probes_add_up() -> None:
    found = reach_of(("train.py", "    s = 1"), ("train.py", "            batch(net, x)"))

    assert found == Reach(prelude=True, body=True, mains=INSIDE, step=frozenset({BATCHES}))


@pytest.mark.parametrize(
    ("line", "expected"), [("level = 1", Reach(prelude=True)), ("    t = 1", EVERYTHING)]
)
def test_other_files(line: str, expected: Reach) -> None:
    assert reach_of(("tools.py", line)) == expected


def test_a_late_import_may_run_anywhere() -> None:
    script = SCRIPT.replace("    setup()\n", "    setup()\n    import tools\n")

    assert reach_of(("tools.py", "level = 1"), script=script).everything


def test_imports_and_definitions_reach_nothing() -> None:
    present = SCRIPT.replace("import torch\n", "import torch\nimport flor\ndef gn(n): print(n)\n")
    probes = compare("train.py", SCRIPT, present).probes
    trees = {"train.py": ast.parse(SCRIPT)}

    assert len(probes) == 2
    assert reach(trees, find_loops(trees), [("train.py", 1)], probes) == Reach()


FOLDS = """\
def fit():
    a = 1
    for epoch in r:
        loss.backward()
    b = 2
start = 1
for fold in range(3):
    c = 3
    fit()
    d = 4
stop = 2
"""


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("    a = 1", Reach(prelude=True, epilogue=True)),
        ("    b = 2", Reach(prelude=True, epilogue=True)),
        ("    c = 3", Reach(prelude=True, epilogue=True)),
        ("    d = 4", Reach(prelude=True, epilogue=True)),
        ("start = 1", Reach(prelude=True)),
        ("stop = 2", Reach(epilogue=True)),
        ("        loss.backward()", Reach(body=True, mains=OUTERMOST)),
    ],
)
def test_a_main_loop_that_runs_again(line: str, expected: Reach) -> None:
    assert reach_of(("train.py", line), script=FOLDS) == expected


def test_between_two_main_loops() -> None:
    script = "for epoch in r:\n    loss.backward()\nm = 1\nfor epoch in q:\n    loss.backward()\n"

    assert reach_of(("train.py", "m = 1"), script=script) == Reach(prelude=True, epilogue=True)


TWO = """\
def fit(x):
    a = 1
    loss.backward()

def show():
    b = 1

for epoch in r:
    fit(epoch)
    show()
    c = 1
for epoch in q:
    fit(epoch)
    d = 1
"""
FIRST, SECOND = ("train.py", 0), ("train.py", 1)


@pytest.mark.parametrize(
    ("line", "mains"),
    [
        ("    c = 1", {FIRST}),
        ("    d = 1", {SECOND}),
        ("    b = 1", {FIRST}),
        ("    a = 1", {FIRST, SECOND}),
        ("for epoch in q:", {SECOND}),
    ],
)
def test_which_of_two_main_loops(line: str, mains: set[tuple[str, int]]) -> None:
    found = reach_of(("train.py", line), script=TWO)

    assert (found.body, found.mains, found.everything) == (True, mains, False)


def test_probes_in_both_main_loops() -> None:
    found = reach_of(("train.py", "    c = 1"), ("train.py", "    d = 1"), script=TWO)

    assert found.mains == {FIRST, SECOND}


def test_the_else_of_a_main_loop_comes_after_it() -> None:
    script = "for epoch in r:\n    loss.backward()\nelse:\n    m = 1\n"

    assert reach_of(("train.py", "    m = 1"), script=script) == Reach(epilogue=True)


TRAINER = """\
class Trainer:
    def __init__(self, net):
        self.net = net

    def train(self):
        self.net.train()
        for epoch in r:
            self.epoch(epoch)
        q = 1

    def epoch(self, epoch):
        for x in self.loader:
            self.step(x)

    def step(self, x):
        self.net.train()
        loss.backward()

trainer = Trainer(net)
trainer.train()
"""


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("        self.net = net", Reach(prelude=True)),
        ("        q = 1", Reach(epilogue=True)),
        ("            self.epoch(epoch)", Reach(body=True, mains=OUTERMOST)),
        (
            "        loss.backward()",
            Reach(body=True, mains=OUTERMOST, step=frozenset({("train.py", 1)})),
        ),
    ],
)
def test_methods(line: str, expected: Reach) -> None:
    assert reach_of(("train.py", line), script=TRAINER) == expected


def test_a_spawned_function_holds_the_main_loop() -> None:
    script = "def work(i):\n    p = 1\n    for epoch in r:\n        loss.backward()\nk = 1\nspawn(work)\n"

    assert reach_of(("train.py", "    p = 1"), script=script) == Reach(prelude=True)
    assert reach_of(("train.py", "k = 1"), script=script) == Reach(prelude=True)


CALLS = """\
import functools
class Meter:
    def __init__(self):
        self.n = 0
class Wide(Meter):
    pass
@register
def hooked():
    h = 1
@functools.lru_cache
def cached():
    c = 1
async def later():
    l = 1
def named():
    m = 1
def numbers():
    yield 1
    g = 1
def again():
    a = 1
def deep():
    again()
hooked()
cached()
getattr(tools, "named")()
named()
kept = numbers()
if isinstance(kept, Meter):
    pass
for epoch in numbers():
    loss.backward()
    meter = Wide()
    for x in enumerate(r):
        deep()
        loss.backward()
else:
    cached()
"""


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("        self.n = 0", Reach(body=True, mains=OUTERMOST)),
        ("    h = 1", "everything"),
        ("    c = 1", Reach(prelude=True, epilogue=True)),
        ("    l = 1", "everything"),
        ("    m = 1", "everything"),
        ("    g = 1", "everything"),
        ("    a = 1", Reach(body=True, mains=OUTERMOST, step=frozenset({("train.py", 1)}))),
    ],
)
def test_ways_of_calling(line: str, expected: Reach | str) -> None:
    found = reach_of(("train.py", line), script=CALLS)

    assert ("everything" if found.everything else found) == expected


def test_a_function_for_the_main_loops_iterable_runs_before_it() -> None:
    script = "def r():\n    p = 1\n    return 3\nfor epoch in range(r()):\n    loss.backward()\n"

    assert reach_of(("train.py", "    p = 1"), script=script) == Reach(prelude=True)


def test_a_spine_function_called_from_within_the_body() -> None:
    script = """\
def fit(depth):
    p = 1
    for epoch in r:
        loss.backward()
        fit(depth - 1)
fit(3)
"""

    assert reach_of(("train.py", "    p = 1"), script=script).body


def test_nothing_leads_to_the_main_loop() -> None:
    script = "k = 1\ndef fit():\n    for epoch in r:\n        loss.backward()\n"

    assert reach_of(("train.py", "k = 1"), script=script) == Reach(prelude=True, epilogue=True)


def test_a_function_that_the_record_does_not_know() -> None:
    probe = Probe("train.py", 1, 1, "gone", (), True, "print(1)")
    trees = {"train.py": ast.parse("for e in r:\n    loss.backward()")}

    assert reach(trees, find_loops(trees), [("train.py", 0)], [probe]).everything


def test_a_function_that_may_be_looked_up_by_a_text_is_called_from_anywhere() -> None:
    script = """\
def on_start():
    p = 1
def off():
    q = 1
on_start()
off()
for epoch in r:
    for x in r:
        getattr(hooks, "on_" + x)()
        loss.backward()
"""

    assert reach_of(("train.py", "    p = 1"), script=script).everything
    assert reach_of(("train.py", "    q = 1"), script=script) == Reach(prelude=True)


IN_MAIN, IN_BATCHES = (("train.py", 1),), (("train.py", 1), ("train.py", 2))


@pytest.mark.parametrize(
    ("around", "expected"),
    [
        (IN_BATCHES, Reach(prelude=True, body=True, mains=INSIDE, step=frozenset({BATCHES}))),
        (IN_MAIN, Reach(prelude=True, body=True, mains=INSIDE)),
        ((), Reach(prelude=True, epilogue=True)),
        ((("train.py", 1), (None, None)), EVERYTHING),
        ((("other.py", 0),), EVERYTHING),
    ],
)
def test_calls_that_were_seen_are_reached_too(around: Loops, expected: Reach) -> None:
    seen = [(around, {("train.py", "setup")})]

    assert reach_of(("train.py", "    s = 1"), calls=seen) == expected


def test_what_calls_a_function_may_have_been_called_elsewhere() -> None:
    seen = [(IN_BATCHES, {("train.py", "evaluate")})]

    found = reach_of(("train.py", "    total = 0"), calls=seen)

    assert found == Reach(body=True, epilogue=True, mains=INSIDE, step=frozenset({BATCHES}))


def test_calls_of_others_and_of_the_way_to_a_main_loop_reach_nothing_more() -> None:
    seen = [
        (IN_BATCHES, {("train.py", "norm"), ("tools.py", "setup")}),
        ((), {("train.py", "main")}),
    ]

    assert reach_of(("train.py", "    s = 1"), calls=seen) == Reach(prelude=True)


def test_a_generator_that_goes_on_in_its_own_loop_is_not_called_there() -> None:
    script = """\
def turns():
    for x in r:
        loss.backward()
        yield x
    a = 1
def report():
    b = 1
for epoch in q:
    for x in turns():
        pass
report()
"""
    seen = [((("train.py", 1), ("train.py", 0)), {("train.py", "turns"), ("train.py", "report")})]
    nested = frozenset({("train.py", 0)})

    goes_on = reach_of(("train.py", "    a = 1"), script=script, calls=seen)
    called = reach_of(("train.py", "    b = 1"), script=script, calls=seen)

    assert goes_on == reach_of(("train.py", "    a = 1"), script=script)
    assert called.step == nested
