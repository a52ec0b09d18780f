"""The view of two runs side by side."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from typing import Any

from florctl.cli.views.layout import Column, Table
from florctl.cli.views.render import View, records_of
from florctl.cli.views.texts import duration
from florctl.cli.views.values import position_objects, value_text
from florctl.cli.views.versions import code_objects, file_table
from florctl.orchestrate.answers.comparison import Comparison, Pair
from florlib.ground.values import plain_json
from florlib.stores.catalog.rows import RunRow, ValueRow

FIELDS = ("part", "name", "a", "b")


def comparison_view(compared: Comparison) -> View:
    """Code, arguments, environment and last values of two runs."""
    code = None if compared.code is None else code_objects(compared.code)
    arguments = _objects(compared.arguments, plain_json)
    environment = _objects(compared.environment, plain_json)
    content = {
        "a": _run_object(compared.old),
        "b": _run_object(compared.new),
        "code": code,
        "arguments": arguments,
        "environment": environment,
        "values": _objects(compared.values, _value_object),
    }
    records = [
        *(
            {"part": "code", "name": one["path"], "a": one["deleted"], "b": one["added"]}
            for one in code or []
        ),
        *({"part": "argument", **one} for one in arguments),
        *({"part": "environment", **one} for one in environment),
        *({"part": "value", **one} for one in _objects(compared.values, _plain)),
    ]
    return View(
        lambda: _tables(compared),
        lambda: content,
        FIELDS,
        lambda: records_of(records, FIELDS),
    )


def _run_object(run: RunRow) -> dict[str, Any]:
    names = ("run", "name", "ordinal", "status", "started", "seconds", "version", "iterations")
    return {**{name: getattr(run, name) for name in names}, "command": list(run.command)}


def _objects(pairs: Mapping[str, Pair], plain: Callable[[Any], Any]) -> list[dict[str, Any]]:
    def side(value: Any) -> Any:
        return None if value is None else plain(value)

    return [{"name": name, "a": side(old), "b": side(new)} for name, (old, new) in pairs.items()]


def _value_object(value: ValueRow) -> dict[str, Any]:
    return {
        "value": plain_json(value.value),
        "position": position_objects(value.position),
        "origin": value.origin,
        "verified": value.verified,
        "mark": value.mark,
    }


def _plain(value: ValueRow) -> Any:
    return plain_json(value.value)


def _tables(compared: Comparison) -> list[Table]:
    sides = [f"{run.name}@{run.ordinal}" for run in (compared.old, compared.new)]
    runs = [
        [what, *(text(run) for run in (compared.old, compared.new))]
        for what, text in _ABOUT.items()
    ]
    values = [
        [name, _value_text(old), _value_text(new)] for name, (old, new) in compared.values.items()
    ]
    return [
        _beside("run", sides, runs),
        file_table(compared.code or []),
        _beside("argument", sides, _differing(compared.arguments)),
        _beside("environment", sides, _differing(compared.environment)),
        _beside("last value", sides, values),
    ]


_ABOUT: dict[str, Callable[[RunRow], str]] = {
    "id": lambda run: run.run,
    "command": lambda run: shlex.join(run.command),
    "status": lambda run: run.status,
    "took": lambda run: duration(run.seconds),
    "iterations": lambda run: str(run.iterations),
    "version": lambda run: f"{run.version[:7]}{'+' if run.dirty else ''}" if run.version else "",
}


def _beside(title: str, sides: list[str], rows: list[list[str]]) -> Table:
    return Table((Column(title), *(Column(side, shrinks=True) for side in sides)), rows)


def _differing(pairs: Mapping[str, Pair]) -> list[list[str]]:
    return [
        [name, *("" if one is None else value_text(one) for one in pair)]
        for name, pair in pairs.items()
        if pair[0] != pair[1]
    ]


def _value_text(value: ValueRow | None) -> str:
    """A value, with a mark where a replay found reason to doubt it."""
    if value is None:
        return ""
    doubt = f" ({value.mark})" if value.mark in ("diverged", "unverified") else ""
    if value.origin == "record":
        doubt = " (a replay differs)" if value.mark == "diverged" else ""
    return value_text(value.value) + doubt


def comparison_words(compared: Comparison) -> list[str]:
    """What the tables do not show, for stderr."""
    lines = []
    if compared.code is None:
        lines.append(f"warning: the code is not compared: {compared.no_code}")
    same = [
        word
        for word, is_same in (
            ("code", compared.code == []),
            ("arguments", not _differing(compared.arguments)),
            ("environment", not _differing(compared.environment)),
        )
        if is_same
    ]
    if same:
        lines.append(f"flor: the same {' and '.join(same) if len(same) < 3 else ', '.join(same)}")
    if compared.code:
        lines.append(f"hint: flor shadow diff {compared.old.run} {compared.new.run}")
    return lines
