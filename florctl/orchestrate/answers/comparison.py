"""Two runs side by side: their code, arguments, environment, and the last of what each logged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from florctl.orchestrate.answers.code import FileDiff, code_diff
from florctl.orchestrate.answers.lookup import catalog_of
from florctl.orchestrate.answers.versions import version_of
from florctl.orchestrate.environment import HASH_SEED
from florlib.ground.errors import RunNotFound, VersionMissing
from florlib.stores.catalog import named_values, questions
from florlib.stores.catalog.rows import RunRow, ValueRow

Pair = tuple[Any, Any]
"""What the one run has under a name, and what the other; None where it has nothing."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """How a later run differs from an earlier one.

    Attributes:
        code: files that differ; None where one of them has no code to compare.
        no_code: why that is.
        arguments: of the script, by name.
        environment: Python, packages and variables, by name.
        values: the last value of each name.
    """

    old: RunRow
    new: RunRow
    code: list[FileDiff] | None
    no_code: str
    arguments: dict[str, Pair]
    environment: dict[str, Pair]
    values: dict[str, tuple[ValueRow | None, ValueRow | None]]


def run_before(run: RunRow, home: Path) -> RunRow:
    """The run before another, of the same name.

    Raises:
        RunNotFound: there is none.
    """
    with catalog_of(home) as connection:
        of_name = questions.runs(connection, name=run.name)
    earlier = [one for one in of_name if one.ordinal < run.ordinal]
    if not earlier:
        raise RunNotFound(
            f"{run.name}@{run.ordinal} is the first of its name: there is none to compare it with",
            hint="flor log list",
        )
    return max(earlier, key=lambda one: one.ordinal)


def compare_runs(old: RunRow, new: RunRow, home: Path) -> Comparison:
    """Hold two runs against each other."""
    with catalog_of(home) as connection:
        details = [questions.details(connection, run.key) for run in (old, new)]
        values = [named_values.last_values(connection, run.key) for run in (old, new)]
    code, no_code = None, ""
    try:
        code = code_diff(version_of(old, home), version_of(new, home), Path(new.project))
    except VersionMissing as error:
        no_code = error.message
    return Comparison(
        old,
        new,
        code,
        no_code,
        _paired(*(one.arguments for one in details)),
        _paired(*(_chosen(one.environment) for one in details)),
        _paired(*values),
    )


def _paired(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Pair]:
    return {name: (old.get(name), new.get(name)) for name in {**old, **new}}


def _chosen(environment: Mapping[str, Any]) -> dict[str, Any]:
    """The environment without the hash seed, which flor draws anew for each run."""
    flat = _flat(environment)
    flat.pop(f"variables.{HASH_SEED}", None)
    return flat


def _flat(content: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """A tree of settings by dotted names.

    >>> _flat({"python": "3.11", "variables": {"RANK": "0"}})
    {'python': '3.11', 'variables.RANK': '0'}
    """
    found: dict[str, Any] = {}
    for name, value in content.items():
        if isinstance(value, dict):
            found |= _flat(value, f"{prefix}{name}.")
        else:
            found[prefix + name] = value
    return found
