"""Ways out of loops, held against what the interpreter shows when a generator is closed."""

from __future__ import annotations

import ast
import sys
import textwrap
from collections.abc import Iterator
from typing import Any

import pytest

from florlib.source.exits import exit_kind

CASES = [
    ("for i in loop():\n    if i == 1: break", "break"),
    ("for i in loop():\n    if i == 1:\n        break\n    x = 1\nelse:\n    y = 1", "break"),
    ("for i in loop():\n    return i", "return"),
    ("for i in loop():\n    return max(\n        i,\n        2)", "return"),
    ("for i in loop():\n    for j in [1]:\n        return 5", "return"),
    ("for i in loop():\n    for j in [1]:\n        break\n    else:\n        pass\n    int('x')", "raise"),
    ("for i in loop():\n    for j in []:\n        pass\n    else:\n        break", "break"),
    ("for i in loop():\n    with manager():\n        i += 1\n        break", "break"),
    ("for i in loop():\n    with manager():\n        with manager():\n            i += 1\n            return 1", "return"),
    ("for i in loop():\n    with manager():\n        i += 1\n        raise ValueError", "raise"),
    ("for i in loop():\n    try:\n        break\n    finally:\n        i += 1\n        i += 2", "break"),
    ("for i in loop():\n    try:\n        return i\n    finally:\n        i += 1", "return"),
    ("for i in loop():\n    try:\n        int('x')\n    except ValueError as e:\n        break", "break"),
    ("for i in loop():\n    try:\n        int('x')\n    finally:\n        i += 1", "raise"),
    ("for i in loop():\n    def f():\n        return 1\n    int('x')", "raise"),
    ("for i in loop():\n    match i:\n        case 0:\n            break", "break"),
    ("for i in loop():\n    while True:\n        if i: break\n        i += 1\n    raise ValueError", "raise"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "kind"), CASES)
def test_the_line_of_the_frame_tells_the_way_out(body: str, kind: str) -> None:
    source = "def f():\n" + textwrap.indent(body, "    ")
    lines: list[int] = []

    class Manager:
        def __enter__(self) -> None: ...
        def __exit__(self, *exception: object) -> None: ...

    def loop() -> Iterator[int]:
        try:
            yield from range(3)
        except GeneratorExit:
            lines.append(sys._getframe(1).f_lineno)
            raise

    names: dict[str, Any] = {"loop": loop, "manager": Manager}
    exec(compile(source, "s", "exec"), names)
    try:
        names["f"]()
    except ValueError as error:
        error.__traceback__ = None

    assert exit_kind(ast.parse(source), 0, lines[0]) == kind


@pytest.mark.parametrize(("ordinal", "line"), [(0, 9), (1, 1), (-1, 1), (0, 3)])
def test_lines_elsewhere_tell_nothing(ordinal: int, line: int) -> None:
    tree = ast.parse("for i in x:\n    break\nprint(i)")

    assert exit_kind(tree, ordinal, line) is None


def test_hindsight_loops_take_no_ordinal() -> None:
    tree = ast.parse("for h in x:\n    print(h)\nfor i in y:\n    break")

    assert exit_kind(tree, 0, 4, frozenset({(1, 2)})) == "break"
