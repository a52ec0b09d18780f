"""Which runs are asked: those that were named, those of a script, those of which something holds."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from florctl.orchestrate.answers.facts import holding
from florctl.orchestrate.answers.lookup import details_of, find_run, runs_of
from florctl.orchestrate.run_json import program_of, read_run_json
from florlib.ground.errors import FlorError, RunNotFound, UsageError
from florlib.ground.layout import RunLayout
from florlib.hindsight.where import Condition, NotACondition
from florlib.stores.catalog.rows import RunRow

_FIELDS = ("name", "ordinal", "status", "seconds", "iterations", "exit_status", "version", "dirty")
_SINGLE_EQUALS = re.compile(r"(?<![=!<>])=(?!=)")
_EXAMPLE = """flor replay --all-versions --where "lr < 0.01 and status = 'done'\""""
_RUNS_EXAMPLE = """flor log list --where "lr < 0.01 and status = 'done' and loss < 0.5\""""


@dataclass(frozen=True, slots=True)
class ChosenRun:
    """A run that is asked.

    Attributes:
        where: what holds of the iterations that are wanted; None for all.
    """

    row: RunRow
    where: str | None = None


def runs_chosen(
    selectors: Sequence[str], where: str | None, home: Path, project: Path | None
) -> list[RunRow]:
    """The runs that are named, each once, as they were named; or those of which an expression holds.

    Args:
        selectors: as for `find_run`; without one, all runs, the newest first.
        where: an expression over fields, tags, arguments, and last values of logged names.
        home: FLOR_HOME.
        project: the folder that `@` is about.

    Raises:
        RunNotFound, RunAmbiguous: see `find_run`; or the expression holds of none.
        UsageError: the text is no expression.
        NameNotFound: no run knows one of its names.
    """
    named = {run.key: run for run in (find_run(one, home, project) for one in selectors)}
    runs = list(named.values()) or runs_of(home, name=None, project=None, limit=None)
    if where is None:
        return runs
    found = holding(runs, condition_of(where, _RUNS_EXAMPLE), home)
    if not found:
        raise RunNotFound(f"of no run is {where}", hint="flor log list")
    return found


def runs_of_script(newest: RunRow, home: Path) -> list[RunRow]:
    """The runs of a project that ran the same script as one of them, the newest first.

    Raises:
        RunDamaged: that one cannot be read.
    """
    program = program_of(read_run_json(RunLayout(home / newest.folder)))
    rows = runs_of(home, name=None, project=Path(newest.project), limit=None)
    return [row for row in rows if _ran(row, program, home)]


def _ran(row: RunRow, program: tuple[str, ...], home: Path) -> bool:
    try:
        return program_of(read_run_json(RunLayout(home / row.folder))) == program
    except FlorError:
        return False


def choose(
    rows: Sequence[RunRow], home: Path, *, last: int | None, where: str | None
) -> list[ChosenRun]:
    """Choose runs.

    Args:
        rows: the newest first.
        home: FLOR_HOME.
        last: how many at most; those of which the expression holds.
        where: an expression over arguments, tags, fields of runs, and logged names. Parts of it,
            joined by `and`, that name a logged value choose iterations.

    Raises:
        UsageError: the text is no expression.
        RunNotFound: it holds of none.
    """
    conditions = [] if where is None else _conditions(where)
    chosen: list[ChosenRun] = []
    for row in rows:
        if last is not None and len(chosen) == last:
            break
        left = _left_of(conditions, _facts(row, home))
        if left is not None:
            chosen.append(ChosenRun(row, " and ".join(f"({one.text})" for one in left) or None))
    if not chosen:
        raise RunNotFound(f"of no run of this script is {where}", hint="flor log list")
    return chosen


def _conditions(where: str) -> list[Condition]:
    """The parts of an expression that are joined by `and`."""
    whole = condition_of(where, _EXAMPLE)
    text = whole.text
    tree = ast.parse(re.sub(r"`[^`]+`", "_", text), mode="eval").body
    if not isinstance(tree, ast.BoolOp) or not isinstance(tree.op, ast.And) or "`" in text:
        return [whole]
    parts = [ast.get_source_segment(text, part) or "" for part in tree.values]
    return [condition_of(part, _EXAMPLE) for part in parts]


def condition_of(where: str, example: str) -> Condition:
    """An expression that was typed; a single `=` means what it does in SQL.

    Raises:
        UsageError: the text is none; the hint is the example.
    """
    try:
        return Condition.parse(_SINGLE_EQUALS.sub("==", where))
    except NotACondition as error:
        raise UsageError(str(error), hint=example) from None


def _facts(row: RunRow, home: Path) -> Mapping[str, Any]:
    """What is known of a run before its iterations are looked into, by name."""
    more = details_of(row, home)
    fields = {name: getattr(row, name) for name in _FIELDS}
    return {**fields, **more.tags, **more.arguments}


def _left_of(conditions: Iterable[Condition], facts: Mapping[str, Any]) -> list[Condition] | None:
    """The conditions about iterations; None where one about the run does not hold."""
    left = []
    for condition in conditions:
        if all(name in facts for name in condition.names.values()):
            values = {word: facts[name] for word, name in condition.names.items()}
            if not condition.holds(values):
                return None
        else:
            left.append(condition)
    return left
