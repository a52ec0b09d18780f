"""Iterations chosen by what the run logged in them: `loss > 4`, `` `val/acc` > 0.9 and lr < 0.01 ``."""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import CodeType
from typing import Any

from florlib.ground.values import decode_value
from florlib.hindsight.trace import HINDSIGHT, LogRow, Trace

FUNCTIONS = {
    "abs": abs,
    "isfinite": math.isfinite,
    "isinf": math.isinf,
    "isnan": math.isnan,
    "len": len,
    "max": max,
    "min": min,
    "round": round,
}
_QUOTED = re.compile(r"`([^`]+)`")
_ALLOWED = (
    ast.Expression,
    ast.BoolOp,
    ast.BinOp,
    ast.UnaryOp,
    ast.Compare,
    ast.Call,
    ast.Constant,
    ast.Name,
    ast.Tuple,
    ast.List,
    ast.Load,
    ast.boolop,
    ast.operator,
    ast.unaryop,
    ast.cmpop,
)


class NotACondition(ValueError):
    """A text is no expression over logged names."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A parsed expression.

    Attributes:
        names: logged names that it asks for, by the identifier that stands for each.
    """

    text: str
    names: Mapping[str, str]
    _code: CodeType

    @classmethod
    def parse(cls, text: str) -> Condition:
        """Read an expression; names that are no identifiers stand in backquotes.

        Raises:
            NotACondition: it is none.

        >>> sorted(Condition.parse("`val/acc` > 0.9 and lr < 1").names.values())
        ['lr', 'val/acc']
        """
        quoted: dict[str, str] = {}

        def stand_in(match: re.Match[str]) -> str:
            return quoted.setdefault(match[1], f"_quoted_{len(quoted)}")

        try:
            tree = ast.parse(_QUOTED.sub(stand_in, text), mode="eval")
        except (SyntaxError, ValueError) as error:
            raise NotACondition(f"{text!r} is no expression ({error})") from None
        names = {identifier: name for name, identifier in quoted.items()}
        called: set[int] = set()
        for node in ast.walk(tree):
            if not isinstance(node, _ALLOWED):
                raise NotACondition(f"{text!r} holds more than names, numbers and comparisons")
            if isinstance(node, ast.Call):
                if not isinstance(node.func, ast.Name) or node.func.id not in FUNCTIONS:
                    raise NotACondition(f"{text!r} may call {', '.join(FUNCTIONS)} alone")
                called.add(id(node.func))
        for node in ast.walk(tree):
            if isinstance(node, ast.Name) and id(node) not in called:
                names.setdefault(node.id, node.id)
        if not names:
            raise NotACondition(f"{text!r} asks for no logged name")
        return cls(text, names, compile(tree, "<where>", "eval"))

    def holds(self, values: Mapping[str, Any]) -> bool:
        """Whether it is true of values, by identifier; what cannot be compared is not."""
        try:
            return bool(
                eval(self._code, {"__builtins__": {}, **FUNCTIONS}, dict(values))
            )  # parsed above
        except Exception:  # noqa: BLE001  # a text against a number, a division by zero
            return False


def iterations_where(condition: Condition, traces: Iterable[Trace]) -> frozenset[int]:
    """Iterations of the main loops in which a condition held at some moment.

    It is asked each time one of its names is logged, of the values that were logged last in the
    same iteration.

    Args:
        condition: over logged names.
        traces: of the recorded processes.
    """
    wanted = {name: identifier for identifier, name in condition.names.items()}
    found: set[int] = set()
    for trace in traces:
        here: tuple[str, int, int] | None = None
        values: dict[str, Any] = {}
        for row in trace.rows:
            if row.region != here:
                here, values = row.region, {}
            if row.name in wanted and _is_in_loop(row):
                values[wanted[row.name]] = decode_value(row.value)
                if len(values) == len(wanted) and condition.holds(values):
                    found.add(row.region[2])
    return frozenset(found)


def _is_in_loop(row: LogRow) -> bool:
    return row.region[0] == "main" and row.region[2] >= 0 and not row.flags & HINDSIGHT


def unknown_names(condition: Condition, traces: Iterable[Trace]) -> list[str]:
    """The names that a run has not logged."""
    logged = {row.name for trace in traces for row in trace.rows}
    return sorted(set(condition.names.values()) - logged)
