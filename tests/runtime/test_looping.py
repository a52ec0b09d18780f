"""Where loops are, how they end, and which of them count: told by the journal of a recorded run."""

from __future__ import annotations

import pytest

from tests.runtime.programs import REPOSITORY, Program

pytestmark = pytest.mark.process

FLOR = """\
import flor

class Loss:
    def backward(self):
        pass

"""


def record(program: Program, text: str, *, status: int = 0) -> Program:
    """Record a script that may import flor, and see that it prints what it prints alone."""
    program.write({"train.py": FLOR + text})
    plain, recorded = program.both("train.py", python_path=str(REPOSITORY))
    assert recorded == plain
    assert recorded.status == status
    return program


def loops(program: Program) -> list[tuple[str, str, int, bool]]:
    """(position and name, how it ended, iterations, skippable) of each loop that ended."""
    return [
        (
            " ".join([*(f"{n}={i}" for n, i in record["position"]), record["loop"]]),
            record["how"],
            record["iterations"],
            record["skippable"],
        )
        for record in program.kinds("exit")
    ]


def test_positions_of_nested_and_sibling_loops(program: Program) -> None:
    record(
        program,
        """
for epoch in flor.loop(range(2)):
    for step in flor.loop(range(2)):
        flor.log("a", 1)
    for step in flor.loop(range(1)):
        flor.log("b", 2)
    for batch in flor.loop(range(1), name="step"):
        flor.log("c", 3)
    flor.log("end", 4)
flor.log("after", 5)
""",
    )

    assert [at for at, _ in program.rows("a")] == [
        "epoch=0 step=0", "epoch=0 step=1", "epoch=1 step=0", "epoch=1 step=1",
    ]  # fmt: skip
    assert [at for at, _ in program.rows("b")] == ["epoch=0 step#2=0", "epoch=1 step#2=0"]
    assert [at for at, _ in program.rows("c")] == ["epoch=0 step#3=0", "epoch=1 step#3=0"]
    assert [at for at, _ in program.rows("end")] == ["epoch=0", "epoch=1"]
    assert program.rows("after") == [("", 5)]


def test_a_loop_entered_anew_in_a_turn_gets_a_number(program: Program) -> None:
    record(
        program,
        """
def run():
    for step in flor.loop(range(1)):
        flor.log("a", 1)
for epoch in flor.loop(range(2)):
    run()
    run()
""",
    )

    assert [at for at, _ in program.rows("a")] == [
        "epoch=0 step=0", "epoch=0 step#2=0", "epoch=1 step=0", "epoch=1 step#2=0",
    ]  # fmt: skip


def test_an_outer_loop_moved_on_from_within_an_inner_one(program: Program) -> None:
    record(
        program,
        """
epochs = iter(flor.loop(range(9), name="epoch"))
next(epochs)
for step in flor.loop(range(2)):
    flor.log("before", step)
    next(epochs)
    flor.log("behind", step)
    flor.log("behind", step)
""",
    )

    assert [at for at, _ in program.rows("before")] == ["epoch=0 step=0", "epoch=1 step=1"]
    assert [at for at, _ in program.rows("behind")] == [
        "epoch=1 step=0", "epoch=1 step=0", "epoch=2 step=1", "epoch=2 step=1",
    ]  # fmt: skip


def test_main_loops_after_one_another(program: Program) -> None:
    record(
        program,
        """
for epoch in flor.loop(range(1)):
    flor.log("a", 1)
for epoch in flor.loop(range(2)):
    flor.log("a", 1)
""",
    )

    assert [at for at, _ in program.rows("a")] == ["epoch=0", "epoch#2=0", "epoch#2=1"]
    assert [record["main"] for record in program.kinds("enter")] == [0, 1]


LEAVING = {
    "exhausted": ("pass", "exhausted", 3, True),
    "continue": ("continue", "exhausted", 3, True),
    "break": ("if step == 1: break", "break", 2, True),
    "raise": (
        "if step == 1: raise KeyError(step)",
        "raise",
        1,
        False,
    ),
    "break in with": ("with open(__file__):\n            if step == 1: break", "break", 2, True),
    "break in try": (
        "try:\n            if step == 1: break\n        finally:\n            x = 1",
        "break",
        2,
        True,
    ),
}


@pytest.mark.parametrize(("body", "how", "count", "skippable"), LEAVING.values(), ids=LEAVING)
def test_ways_out_of_a_nested_loop(program, body, how, count, skippable) -> None:
    record(
        program,
        f"""
for epoch in flor.loop(range(1)):
  try:
    for step in flor.loop(range(3)):
        {body}
  except KeyError:
    pass
""",
    )

    assert loops(program)[0] == ("epoch=0 step", how, count, skippable)
    assert loops(program)[1][:3] == ("epoch", "exhausted", 1)


@pytest.mark.parametrize(
    ("leave", "how", "skippable"),
    [("if step == 1: break", "break", False), ("pass", "exhausted", True)],
)
def test_a_loop_with_else(program: Program, leave: str, how: str, skippable: bool) -> None:
    record(
        program,
        f"""
for epoch in flor.loop(range(1)):
    for step in flor.loop(range(3)):
        {leave}
    else:
        print("else")
""",
    )

    assert loops(program)[0][1] == how
    assert loops(program)[0][3] is skippable


def test_a_function_that_returns_out_of_both_loops(program: Program) -> None:
    record(
        program,
        """
def train():
    for epoch in flor.loop(range(5)):
        for step in flor.loop(range(5)):
            if epoch == 1 and step == 2:
                return epoch
print(train())
for epoch in flor.loop(range(1)):
    flor.log("a", 1)
""",
    )

    assert [entry[:3] for entry in loops(program)] == [
        ("epoch=0 step", "exhausted", 5),
        ("epoch=1 step", "return", 3),
        ("epoch", "return", 2),
        ("epoch#2", "exhausted", 1),
    ]


def test_an_exception_that_ends_the_run(program: Program) -> None:
    record(
        program,
        """
for epoch in flor.loop(range(5)):
    for step in flor.loop(range(5)):
        if epoch == 1:
            raise ValueError("x")
""",
        status=1,
    )

    assert [entry[:3] for entry in loops(program)] == [
        ("epoch=0 step", "exhausted", 5),
        ("epoch=1 step", "raise", 0),
        ("epoch", "raise", 1),
    ]
    assert program.records[-1]["how"] == "exception"


WHILE = """
class Loss:
    def backward(self): pass
n = 0
while n < 3:
    n += 1
    k = 0
    while {test}:
        k += 1
        Loss().backward()
        {leave}
    {otherwise}
    print(n, k)
print("end", n)
"""


@pytest.mark.parametrize(
    ("test", "leave", "otherwise", "how", "count", "skippable"),
    [
        ("k < 2", "pass", "", "exhausted", 2, True),
        ("True", "if k == 2: break", "", "break", 2, True),
        ("k < 4", "if k == 2: break", "else: print('else')", "break", 2, False),
        ("k < 2", "pass", "else: print('else')", "exhausted", 2, True),
        ("k < 0", "pass", "else: print('else')", "exhausted", 0, True),
    ],
)
def test_while_loops(program, test, leave, otherwise, how, count, skippable) -> None:
    program.write({"train.py": WHILE.format(test=test, leave=leave, otherwise=otherwise)})

    plain, recorded = program.both("train.py")

    assert recorded == plain
    nested = [record for record in program.kinds("exit") if record["role"] == "nested"]
    facts = [(one["loop"], one["how"], one["iterations"], one["skippable"]) for one in nested]
    assert facts == [("while", how, count, skippable)] * 3
    assert program.kinds("exit")[-1]["iterations"] == len(program.kinds("iteration")) == 3


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("for epoch, x in enumerate(flor.loop([5, 6]))", "loop"),
        ("for epoch in flor.loop(enumerate([5, 6]))", "epoch"),
        ("for a, b in zip(flor.loop([5, 6], name='both'), [1, 2])", "both"),
        ("for epoch in flor.loop('named', [5, 6])", "named"),
        ("for epoch in MTK.loop(range(2))", "epoch"),
        ("for epoch in iter(flor.loop(range(2)))", "epoch"),
    ],
)
def test_loops_inside_other_iterators(program: Program, header: str, name: str) -> None:
    record(
        program,
        f"from flor import MTK\n{header}:\n    flor.log('a', 1)\n    print(locals().keys() > set())\n",
    )

    assert [at for at, _ in program.rows("a")] == [f"{name}=0", f"{name}=1"]
    assert program.kinds("captured")[0]["names"] != []


def test_a_generator_of_the_libraries_between(program: Program) -> None:
    record(
        program,
        """
import contextlib, heapq
for epoch in heapq.merge(flor.loop([0, 1])):
    x = epoch
    flor.log("a", 1)
""",
    )

    assert len(program.rows("a")) == 2
    names = [name for record in program.kinds("captured") for name in record["names"]]
    assert "x" in names or "Loss" in names


def test_an_iterator_that_is_closed_late(program: Program) -> None:
    record(
        program,
        """
for epoch in flor.loop(range(2)):
    steps = iter(flor.loop(range(3), name="step"))
    next(steps)
    for n in flor.loop(range(1), name="inner"):
        flor.log("a", 1)
    del steps
    flor.log("b", 2)
""",
    )

    assert program.rows("b") == [("epoch=0", 2), ("epoch=1", 2)]
    late = [entry for entry in loops(program) if entry[0].endswith(" step")]
    assert [entry[3] for entry in late] == [False, False]


def test_an_iterator_that_is_never_closed(program: Program) -> None:
    record(
        program,
        """
steps = []
for epoch in flor.loop(range(2)):
    steps.append(iter(flor.loop(range(3), name="step")))
    next(steps[-1])
flor.log("b", 2)
""",
    )

    assert program.rows("b") == [("", 2)]
    assert len(program.kinds("iteration")) == 2


def test_loops_of_other_threads_do_not_count(program: Program) -> None:
    record(
        program,
        """
import threading
def other():
    for other in flor.loop(range(3)):
        for inner in flor.loop(range(2)):
            pass
for epoch in flor.loop(range(2)):
    thread = threading.Thread(target=other)
    thread.start()
    thread.join()
    flor.log("a", 1)
""",
    )

    assert program.rows("a") == [("epoch=0", 1), ("epoch=1", 1)]
    assert [entry[0] for entry in loops(program)] == ["epoch"]


def test_a_main_loop_in_a_thread_of_its_own(program: Program) -> None:
    record(
        program,
        """
import threading
def train():
    for epoch in flor.loop(range(2)):
        flor.log("a", 1)
thread = threading.Thread(target=train)
thread.start()
thread.join()
""",
    )

    assert program.rows("a") == [("epoch=0", 1), ("epoch=1", 1)]


def test_recursion(program: Program) -> None:
    record(
        program,
        """
def walk(depth):
    for n in flor.loop(range(2)):
        flor.log("depth", depth)
        if depth:
            walk(depth - 1)
walk(2)
""",
    )

    positions = [at for at, _ in program.rows("depth")]
    assert len(positions) == len(set(positions)) == 14
    assert positions[:3] == ["n=0", "n=0 n=0", "n=0 n=0 n=0"]


def test_coroutines(program: Program) -> None:
    record(
        program,
        """
import asyncio
async def train():
    for epoch in flor.loop(range(2)):
        await asyncio.sleep(0)
        flor.log("a", 1)
asyncio.run(train())
""",
    )

    assert program.rows("a") == [("epoch=0", 1), ("epoch=1", 1)]


def test_generators_are_closed_as_alone(program: Program) -> None:
    record(
        program,
        """
def items():
    try:
        for n in range(5):
            yield n
    finally:
        print("closed")
for epoch in flor.loop(items()):
    if epoch == 1:
        break
print("after")
""",
    )

    assert loops(program)[0][:3] == ("epoch", "break", 2)


def test_what_a_loop_goes_over_is_told_how_it_would_be(program: Program) -> None:
    record(
        program,
        """
class Items:
    def __iter__(self):
        print("begun")
        return iter([1, 2])
for epoch in flor.loop(Items()):
    print(epoch)
try:
    for epoch in flor.loop(None):
        pass
except TypeError as error:
    print(error)
""",
    )

    assert len(program.kinds("iteration")) == 2


def test_a_loop_chosen_by_decorators_and_comprehensions_is_left_alone(program: Program) -> None:
    program.write(
        {
            "train.py": """
class Loss:
    def backward(self): pass
losses = [Loss().backward() for n in range(3)]
def deco(f):
    return f
@deco
def step(n):
    Loss().backward()
    return n
for epoch in (step(n) for n in range(2)):
    print(epoch)
for epoch in range(2): step(epoch)
match epoch:
    case 1:
        for epoch in range(1):
            step(epoch)
"""
        }
    )

    plain, recorded = program.both("train.py")

    assert recorded == plain
    assert program.kinds("iteration")


def test_a_while_loop_ends_by_its_own_test_whoever_else_is_in_one(program: Program) -> None:
    record(
        program,
        """
import os
import threading

def watch():
    seen = 0
    while not stop.wait(0.001):
        seen += 1
        if seen == 1:
            print("seen", flush=True)
            started.set()

def counted():
    i = 0
    while i < 9:
        print("given", i, flush=True)
        yield i
        i += 1

stop, started = threading.Event(), threading.Event()
thread = threading.Thread(target=watch)
thread.start()
started.wait()
waiting = counted()
n = 0
while n < 3:
    x = next(waiting)
    for step in range(2):
        Loss().backward()
    n += 1
    print("turn", n, x, flush=True)
stop.set()
thread.join()
if os.fork() == 0:
    k = 0
    while k < 2:
        print("child", k, flush=True)
        k += 1
    os._exit(0)
os.wait()
print("end")
""",
    )

    assert loops(program)[-1] == ("while", "exhausted", 3, True)


def test_a_list_that_grows_while_it_is_captured_holds_nothing_up(program: Program) -> None:
    record(
        program,
        """
import sys

seen = []

def note(frame, event, argument):
    seen.append(event)

sys.setprofile(note)
for epoch in range(2):
    for step in range(2):
        Loss().backward()
sys.setprofile(None)
print("end", len(seen) > 0)
""",
    )

    assert loops(program)[-1] == ("epoch", "exhausted", 2, True)
