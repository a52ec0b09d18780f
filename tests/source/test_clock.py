"""What depends on the wall clock, and what does not."""

from __future__ import annotations

import ast
import textwrap

import pytest

from florlib.source.clock import WallClock, wall_clock


def clock_of(source: str, **others: str) -> WallClock:
    files = {"train.py": source, **{f"{name}.py": text for name, text in others.items()}}
    trees = {path: ast.parse(textwrap.dedent(text)) for path, text in files.items()}
    return wall_clock(trees)["train.py"]


def test_a_program_without_clocks() -> None:
    assert clock_of("import time\nfor e in r: print(e)\ntime.sleep(1)") == WallClock()


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("import time\nt = time.time()\nloss = 1\nprint(loss)\nprint(time.time() - t)", [5]),
        ("from time import perf_counter as now\nt = now()\nprint(t)\nprint(1)", [3]),
        ("import datetime as d\nprint(d.datetime.now())", [2]),
        ("from datetime import datetime\nprint(f'{datetime.now():%H}')", [2]),
        ("from timeit import default_timer\nt = default_timer()\nflor.log('t', t)", [3]),
        ("import time\nt = 0\nt += time.time()\nprint('%s' % t)", [4]),
        ("import time\na, b = 1, time.time()\nprint(a)\nprint(b)", [4]),
        ("import time\nts = []\nts.append(time.time())\nprint(sum(ts))\nprint(len(ts))", [4]),
        ("import time\ndef now(): return time.time()\nt = now()\nprint(t)", [4]),
        (
            "import time\ndef go():\n    t = time.time()\n    return 1, time.time() - t\n"
            "loss, took = go()\nprint(loss)\nprint(took)",
            [7],
        ),
        ("import time\ndef show(x):\n    print(x)\nshow(time.time())\nprint(2)", [3]),
        ("import time\ndef same(x): return x\na = same(1)\nb = same(time.time())\nprint(a)", []),
        (
            "import time\ns = {'loss': 1, 'took': time.time()}\nprint(s['loss'])\n"
            "print(s['took'])\nprint(s)",
            [4, 5],
        ),
        ("import time\ns = {}\ns['t'] = time.time()\nprint(s['a'])\nprint(s['t'])", [5]),
        (
            "import time\nclass T:\n    def __init__(self): self.t = time.time(); self.n = 0\n"
            "    def show(self):\n        print(self.n)\n        print(time.time() - self.t)\n"
            "T().show()",
            [6],
        ),
        (
            "import time\nm = M()\nl = M()\nm.update(time.time())\nl.update(1)\n"
            "print(m.avg)\nprint(l.avg)",
            [6],
        ),
        (
            "import time\nbar = tqdm(r)\nt = time.time()\nfor x in bar:\n"
            "    bar.set_postfix(t=time.time() - t)\n    print(x)",
            [5],
        ),
        ("import time\nlogger.info('%s', time.time())\nlogger.info(1)", [2]),
        ("import time\nt = time.time()\nif t is None: print(1)", []),
        ("import time\nargs.out = f'run-{time.time()}'\nnet = Net(args)\nprint(net(1))", []),
        ("import time\nd = str(time.time())\nw = Writer(d)\nx = w.go()\nprint(x)\nprint(d)", [6]),
        (
            "import time\nd = time.strftime('%H')\nnet.load_state_dict(torch.load(d))\nprint(net(1))",
            [],
        ),
        ("import time\nif time.time() > t0 + 60:\n    print(1)\nprint(2)", [3]),
    ],
)
def test_sites(source: str, lines: list[int]) -> None:
    assert sorted(first for first, _ in clock_of(source).sites) == lines


METERS = """
import time
class AverageMeter:
    def __init__(self, name):
        self.name = name
        self.sum = 0
    def update(self, value, n=1):
        self.sum += value * n
    def __str__(self):
        return f"{self.name} {self.sum}"
class ProgressMeter:
    def __init__(self, meters):
        self.meters = meters
    def display(self, i):
        entries = [str(meter) for meter in self.meters]
        print(entries)
def train(loader, model, criterion, optimizer):
    batch_time = AverageMeter("time")
    losses = AverageMeter("loss")
    progress = ProgressMeter([batch_time, losses])
    end = time.time()
    for i, (x, y) in enumerate(loader):
        loss = criterion(model(x), y)
        losses.update(loss.item(), 3)
        loss.backward()
        batch_time.update(time.time() - end)
        end = time.time()
        if i % 10 == 0:
            progress.display(i)
    print(losses.sum)
    return losses.sum
"""


def test_meters_are_told_apart() -> None:
    clock = clock_of(METERS)

    assert clock.sites == {(16, 16)}
    assert {name for function, name in clock.names if function == "train"} == {"batch_time", "end"}
    assert clock.control == ()


def test_names_of_a_timed_loop() -> None:
    source = """\
    import time
    t0 = time.time()
    while True:
        loss = step()
        t1 = time.time()
        dt = t1 - t0
        t0 = t1
        mfu = 0.9 * mfu + dt
        print(loss)
    """

    clock = clock_of(source)

    assert clock.names == {("<module>", name) for name in ("t0", "t1", "dt", "mfu")}
    assert clock.sites == frozenset()


def test_attributes_are_named() -> None:
    clock = clock_of("import time\nclass T:\n    def go(self): self.start = time.time()\nT().go()")

    assert clock.attributes == {"start"}


@pytest.mark.parametrize(
    ("branch", "control"),
    [
        ("if time.time() - t > 60: break", [(4, "time.time() - t > 60")]),
        ("if time.time() - t > 60: print(1)", []),
        ("if time.time() - t > 60:\n        t = time.time()\n        print(1)", []),
        ("if time.time() - t > 60:\n        text = f'{e}'\n        print(text)", []),
        ("if time.time() - t > 60:\n        best = e", [(4, "time.time() - t > 60")]),
        ("if time.time() - t > 60: save(net)", [(4, "time.time() - t > 60")]),
        ("while time.time() < t: e = step()", [(4, "time.time() < t")]),
        ("if e > 3: break", []),
    ],
)
def test_control(branch: str, control: list[tuple[int, str]]) -> None:
    source = f"import time\nt = time.time()\nfor e in r:\n    {branch}\n    print(best, e)"

    assert list(clock_of(source).control) == control


def test_clocks_in_other_files() -> None:
    clock = clock_of(
        "from tools import now\nprint(now())\nprint(3)",
        tools="import time\ndef now(): return time.time()",
    )

    assert clock.sites == {(2, 2)}
