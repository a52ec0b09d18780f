"""Run selectors, the words by which a person names a run; and the rows of runs."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from florlib.ground.errors import (
    RevisionNotFound,
    RunAmbiguous,
    RunNotFound,
    UsageError,
)
from florlib.ground.layout import HomeLayout
from florlib.ground.meant import meant
from florlib.stores.catalog import questions
from florlib.stores.catalog.connection import open_catalog, translated
from florlib.stores.catalog.rows import CheckpointRow, RunDetails, RunRow

SHOWN = 5
"""Candidates that an ambiguous selector lists."""

_NEWEST = re.compile(r"@(?:~(\d+))?")
_ORDINAL = re.compile(r"(.+)@(\d+)")
_COMMIT = re.compile(r"[0-9a-fA-F]{4,64}")


def find_run(selector: str, home: Path, project: Path | None) -> RunRow:
    """The run that a selector names, as of the last harvest.

    Args:
        selector: `@` (newest of the project), `@~2` (two before it), NAME (newest of the name),
            NAME@3 (the third of the name), a prefix of an id or of the token at its end, or a git
            revision, which names the run of that code, else the run that stood on that commit.
        home: FLOR_HOME.
        project: the folder that `@` is about; None for all projects.

    Raises:
        RunNotFound: none answers.
        RunAmbiguous: several do.
        RevisionAmbiguous: several commits begin with these digits.
    """
    selector = selector.strip()
    with catalog_of(home) as connection:
        if not questions.runs(connection, limit=1):
            raise RunNotFound("no runs recorded yet", hint="flor record train.py")
        found = find_by_word(connection, selector, project)
        return found or _of_revision(connection, selector, project)


def find_runs(selectors: Sequence[str], home: Path, project: Path | None) -> list[RunRow]:
    """The runs that selectors name, each once, newest first; all of them where there is none."""
    if not selectors:
        return runs_of(home, name=None, project=None, limit=None)
    found = {run.run: run for run in (find_run(one, home, project) for one in selectors)}
    return sorted(found.values(), key=lambda run: (run.started, run.run), reverse=True)


def find_by_word(
    connection: sqlite3.Connection, selector: str, project: Path | None
) -> RunRow | None:
    """The run that a selector of flor's own names; None where it may be a git revision."""
    newest = _NEWEST.fullmatch(selector)
    if newest:
        return _nth_newest(connection, int(newest[1] or 0), project)
    if selector.startswith("@") and not selector.startswith("@{"):
        raise UsageError(
            f"{selector} is no run selector",
            hint="@ is the newest run of this project, @~2 the one two before it",
        )
    named = questions.runs(connection, name=selector, limit=1)
    if named:
        return named[0]
    ordinal = _ORDINAL.fullmatch(selector)
    if ordinal:
        return _of_ordinal(connection, ordinal[1], int(ordinal[2]))
    found = questions.runs_by_id(connection, selector) if selector else []
    if not found and is_commit(selector):
        found = questions.runs_by_commit(connection, selector.lower())
    return _only(found, selector) if found else None


def is_commit(selector: str) -> bool:
    """Whether a word may be the beginning of a commit's id."""
    return _COMMIT.fullmatch(selector) is not None


def _of_revision(connection: sqlite3.Connection, selector: str, project: Path | None) -> RunRow:
    """The run of the code that a git revision names."""
    from florlib.stores.versions import resolve, tree_of

    commit = tree = None
    with suppress(RevisionNotFound):
        if project is not None:
            commit = resolve(project, selector)
            tree = tree_of(project, commit)
    found: list[RunRow] = []
    if commit is not None:
        found = questions.runs_by_commit(connection, commit)
        found = found or (questions.runs_by_tree(connection, tree) if tree else [])
        found = found or questions.runs_by_base(connection, commit)
    elif is_commit(selector):  # of a repository elsewhere
        found = questions.runs_by_base(connection, selector.lower())
    if found:
        return _only(found, selector)
    if commit is not None:
        raise RunNotFound(
            f"no run was recorded of {selector} (commit {commit[:12]})", hint="flor shadow list"
        )
    raise _no_run(connection, selector)


def _nth_newest(connection: sqlite3.Connection, n: int, project: Path | None) -> RunRow:
    if project is None:
        found = questions.runs(connection, limit=n + 1)
        where = ""
    else:
        found = questions.runs_of_project(connection, str(project))
        where = f" in {project}"
    if not found:
        raise RunNotFound(f"no runs recorded{where}", hint="flor log list")
    if n >= len(found):
        count = f"{len(found)} run{'s' if len(found) > 1 else ''}"
        raise RunNotFound(f"@~{n} is too far back: {count} recorded{where}", hint="flor log list")
    return found[n]


def _of_ordinal(connection: sqlite3.Connection, name: str, ordinal: int) -> RunRow:
    of_name = questions.runs(connection, name=name)
    for run in of_name:
        if run.ordinal == ordinal:
            return run
    if of_name:
        raise RunNotFound(
            f"{name} has no run {ordinal}; its newest is {name}@{of_name[0].ordinal}",
            hint=f"flor log list --name {name}",
        )
    raise _no_run(connection, name)


def _only(found: list[RunRow], selector: str) -> RunRow:
    if len(found) == 1:
        return found[0]
    shown = ", ".join(run.run for run in found[:SHOWN])
    more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    raise RunAmbiguous(
        f"{selector} may be any of {len(found)} runs: {shown}{more}",
        hint=f"flor log show {found[0].run}",
    )


def _no_run(connection: sqlite3.Connection, selector: str) -> RunNotFound:
    names = questions.run_names(connection)
    near = meant(selector, names)
    hint = f"flor log show {near[0]}" if near else "flor log list"
    return RunNotFound(f"no run answers to {selector!r}", hint=hint)


def details_of(run: RunRow, home: Path) -> RunDetails:
    """What is known of a run beyond its row."""
    with catalog_of(home) as connection:
        return questions.details(connection, run.key)


def checkpoints_of(run: RunRow, home: Path) -> list[CheckpointRow]:
    """The checkpoints of a run, of its lowest rank, in the order of execution."""
    with catalog_of(home) as connection:
        return questions.checkpoints(connection, run.key)


def runs_of(
    home: Path, *, name: str | None, project: Path | None, limit: int | None
) -> list[RunRow]:
    """Runs, newest first; of one name, or of one project, where given."""
    with catalog_of(home) as connection:
        if project is None:
            return questions.runs(connection, name=name, limit=limit)
        here = questions.runs_of_project(connection, str(project))
        return [run for run in here if name in (None, run.name)][:limit]


@contextmanager
def catalog_of(home: Path) -> Iterator[sqlite3.Connection]:
    """The catalog, open for questions."""
    path = HomeLayout(home).catalog
    with closing(open_catalog(path)) as connection, translated(path):
        yield connection
