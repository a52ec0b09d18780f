"""Which functions were called in which loops, as the journal of a recorded run tells."""

from __future__ import annotations

import sys

import pytest

from tests.runtime.programs import REPOSITORY, Program

pytestmark = pytest.mark.process

HELPERS = """\
def near():
    pass

def far():
    pass
"""
SCRIPT = """\
import sys

import helpers

class Loss:
    def backward(self):
        pass

def log_loss():
    return [number for number in range(2)]

def same(function):
    return function

@same
def log_epoch():
    def inner():
        pass
    inner()

def numbers():
    yield 1
    yield 2

def call(kind):
    getattr(sys.modules[__name__], "log_" + kind)()

def main():
    for epoch in range(3):
        for step in range(4):
            Loss().backward()
            call("loss")
            getattr(helpers, "ne" + "ar")()
        call("epoch")
        for _ in numbers():
            pass
    helpers.far()

main()
"""
MAIN = (("train.py", 0),)
NESTED = (("train.py", 0), ("train.py", 1))


def calls(program: Program) -> dict[tuple[tuple[str, int], ...], list[tuple[str, str]]]:
    """By the loops around, what was called there, as it was last written."""
    return {
        tuple((path, ordinal) for path, ordinal in record["loops"]): [
            (path, name) for path, name in record["functions"]
        ]
        for record in program.kinds("calls")
    }


def record(program: Program, text: str) -> Program:
    """Record a script that prints what it prints alone."""
    program.write({"train.py": text, "helpers.py": HELPERS})
    plain, recorded = program.both("train.py", python_path=str(REPOSITORY))
    assert recorded == plain
    assert recorded.status == 0
    return program


def test_what_is_called_belongs_to_the_innermost_training_loop(program: Program) -> None:
    found = calls(record(program, SCRIPT))

    assert found[NESTED] == [
        ("helpers.py", "near"),
        ("train.py", "Loss.backward"),
        ("train.py", "call"),
        ("train.py", "log_loss"),
    ]
    assert found[MAIN] == [
        ("train.py", "call"),
        ("train.py", "log_epoch"),
        ("train.py", "log_epoch.<locals>.inner"),
        ("train.py", "numbers"),
    ]
    assert found[()] == [("helpers.py", "far")]


def test_only_events_tell_all_calls(program: Program) -> None:
    late = SCRIPT.replace('            call("loss")', "            step == 3 and helpers.far()")
    record(program, late)

    complete = {len(one["loops"]): one["complete"] for one in program.kinds("calls")}
    assert complete[2] is (sys.version_info >= (3, 12))
    assert (("helpers.py", "far") in calls(program)[NESTED]) is complete[2]


def test_a_script_keeps_its_own_profile_function(program: Program) -> None:
    own = "import sys\ndef own(frame, event, argument):\n    own.called = True\n"
    kept = "print(sys.getprofile() is own, own.called)\nsys.setprofile(None)\n"

    record(program, own + "sys.setprofile(own)\n" + SCRIPT + kept)

    assert program.prints() == ["True True"]
    assert bool(program.kinds("calls")) is (sys.version_info >= (3, 12))


def test_a_profile_function_that_is_set_in_a_loop_stays(program: Program) -> None:
    own = "def own(frame, event, argument):\n    pass\n"
    text = SCRIPT.replace('call("epoch")', "sys.setprofile(own)")

    record(program, own + text + "print(sys.getprofile() is own)\nsys.setprofile(None)\n")

    assert program.prints() == ["True"]


def test_nothing_watches_a_loop_that_has_been_looked_at(program: Program) -> None:
    text = SCRIPT.replace('call("epoch")', "print(sys.getprofile()) if epoch == 2 else None")

    assert record(program, text).prints() == ["None"]


@pytest.mark.skipif(sys.version_info < (3, 12), reason="there are no such events before")
def test_where_all_tools_are_taken_there_is_no_watch(program: Program) -> None:
    taken = "import sys\nfor tool in range(6): sys.monitoring.use_tool_id(tool, 'own')\n"

    record(program, taken + SCRIPT)

    assert program.kinds("calls") == []
