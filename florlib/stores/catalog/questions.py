"""Questions on runs to the catalog, answered with rows. Plain sqlite3: these run at every prompt."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from florlib.ground.position import position_from_json
from florlib.stores.catalog.rows import (
    CheckpointRow,
    LoopRow,
    MissingRow,
    ReplayRow,
    RunDetails,
    RunRow,
    VersionRow,
)

_RUN = """
SELECT run.key, run.id, name, ordinal, status, started, seconds, exit_status, signal,
    version."commit", version.dirty, iterations, checkpoints, bytes,
    CASE WHEN training_s > 0 THEN (stall_s + slowed_s) / training_s END, project, folder,
    tags, note, command
FROM run LEFT JOIN version ON version.run = run.key
"""
_TAGS = RunRow._fields.index("tags")
_NEWEST_FIRST = " ORDER BY run.started DESC, run.id DESC"


def runs(
    connection: sqlite3.Connection, *, name: str | None = None, limit: int | None = None
) -> list[RunRow]:
    """Runs, newest first; of one name, where given."""
    where = " WHERE name = ?" if name is not None else ""
    parameters = [name] if name is not None else []
    return _runs(connection, where, [*parameters, -1 if limit is None else limit], " LIMIT ?")


def runs_of_project(connection: sqlite3.Connection, project: str) -> list[RunRow]:
    """Runs recorded in one project folder, newest first."""
    return _runs(connection, " WHERE project = ?", [project])


def runs_by_id(connection: sqlite3.Connection, prefix: str) -> list[RunRow]:
    """Runs whose id, or the token at its end, begins with a prefix; newest first."""
    pattern = _beginning_with(prefix)
    where = " WHERE id LIKE ? ESCAPE '\\' OR id LIKE ? ESCAPE '\\'"
    # An id is a date, a time and a token: the token begins behind the second hyphen.
    return _runs(connection, where, [pattern, f"________-______-{pattern}"])


def runs_by_commit(connection: sqlite3.Connection, prefix: str) -> list[RunRow]:
    """Runs whose version begins with a prefix, else those whose working tree's commit does."""
    for column in ('version."commit"', "version.work_commit"):
        where = f" WHERE {column} LIKE ? ESCAPE '\\'"
        found = _runs(connection, where, [_beginning_with(prefix)])
        if found:
            return found
    return []


def runs_by_tree(connection: sqlite3.Connection, tree: str) -> list[RunRow]:
    """Runs of the very code that a tree holds, newest first."""
    return _runs(connection, " WHERE version.tree = ?", [tree])


def runs_by_base(connection: sqlite3.Connection, prefix: str) -> list[RunRow]:
    """Runs that stood on a user's commit whose id begins with a prefix, newest first."""
    where = " WHERE version.base LIKE ? ESCAPE '\\'"
    return _runs(connection, where, [_beginning_with(prefix)])


def versions(connection: sqlite3.Connection, keys: Sequence[int]) -> dict[int, VersionRow]:
    """The versions of runs, by the key of the run, of those that have one."""
    rows = connection.execute(
        'SELECT run, "commit", coalesce(work_commit, "commit"), tree, base, branch,'
        " coalesce(dirty, 0), store, skipped FROM version"
        ' WHERE "commit" NOTNULL AND tree NOTNULL AND run IN (SELECT value FROM json_each(?))',
        (json.dumps(list(keys)),),
    )
    make: Callable[..., VersionRow] = VersionRow
    return {
        run: make(*row, tuple((one["path"], one["reason"]) for one in json.loads(skipped)))
        for run, *row, skipped in rows
    }


def run_names(connection: sqlite3.Connection) -> list[str]:
    """Every name that a run has, in the order of the alphabet."""
    return [name for (name,) in connection.execute("SELECT DISTINCT name FROM run ORDER BY name")]


def commits_of(connection: sqlite3.Connection, run: int) -> tuple[str, ...]:
    """The commits that name a run: its version, its working tree, the user's commit."""
    row = connection.execute(
        'SELECT "commit", work_commit, base FROM version WHERE run = ?', (run,)
    ).fetchone()
    return tuple(commit for commit in row or () if commit)


def _runs(
    connection: sqlite3.Connection, where: str, parameters: Sequence[Any], limit: str = ""
) -> list[RunRow]:
    rows = connection.execute(_RUN + where + _NEWEST_FIRST + limit, parameters)
    return [
        RunRow._make((*row[:_TAGS], _tags_of(row[_TAGS]), row[_TAGS + 1], _words_of(row[-1])))
        for row in rows
    ]


@cache
def _words_of(command: str) -> tuple[str, ...]:
    """The words of a command; mostly those of the run before it."""
    return tuple(json.loads(command))


def _tags_of(text: str) -> dict[str, str]:
    found: dict[str, str] = json.loads(text) if text != "{}" else {}
    return found


def _beginning_with(prefix: str) -> str:
    escaped = prefix.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"{escaped}%"


def all_arguments(connection: sqlite3.Connection) -> dict[int, dict[str, Any]]:
    """The arguments of all runs, by the key of the run and by name."""
    rows = connection.execute(
        "SELECT run, name, value FROM arg JOIN process ON process.key = arg.process"
        " WHERE replay IS NULL ORDER BY wave DESC, rank DESC"
    )
    found: dict[int, dict[str, Any]] = {}
    for run, name, value in rows:
        found.setdefault(run, {})[name] = json.loads(value)
    return found


def stamp(connection: sqlite3.Connection) -> str:
    """Changes whenever anything of the runs does, or of what they have logged."""
    row = connection.execute(
        "SELECT (SELECT json_array(count(*), max(key), sum(iterations), sum(checkpoints),"
        " count(ended), sum(unicode(status)), sum(coalesce(exit_status, 0))) FROM run),"
        " (SELECT json_array(sum(offset), sum(mtime_ns / 1000000)) FROM harvested),"
        " (SELECT json_array(count(*), count(report)) FROM replay)"
    ).fetchone()
    return "".join(row)


def details(connection: sqlite3.Connection, run: int) -> RunDetails:
    """What is known of a run beyond its row."""

    def ask(columns: str, table: str, order: str) -> list[Any]:
        return connection.execute(
            f"SELECT {columns} FROM {table} JOIN process ON process.key = {table}.process"  # noqa: S608
            f" WHERE process.run = ? AND replay IS NULL {order}",
            (run,),
        ).fetchall()

    environment, tags, budget, stall_s, slowed_s, branch, base = connection.execute(
        "SELECT environment, tags, budget, stall_s, slowed_s, branch, base"
        " FROM run LEFT JOIN version ON version.run = run.key WHERE run.key = ?",
        (run,),
    ).fetchone()
    ((longest_s, expected_s),) = connection.execute(
        "SELECT max(longest_s), max(expected_s) FROM process WHERE run = ? AND replay IS NULL",
        (run,),
    )
    ((incomplete,),) = ask("count(*)", "checkpoint", "AND NOT complete AND NOT dropped")
    files = ask("DISTINCT mode, path", "file", "ORDER BY path")
    return RunDetails(
        arguments={
            name: json.loads(value) for name, value in ask("name, value", "arg", "ORDER BY wave")
        },
        environment=json.loads(environment),
        tags=json.loads(tags),
        branch=branch,
        base=base,
        budget=budget,
        stall_s=stall_s,
        slowed_s=slowed_s,
        longest_s=longest_s,
        expected_s=expected_s,
        incomplete=incomplete,
        loops=tuple(LoopRow(*row) for row in _loops(connection, run)),
        captured=tuple(name for (name,) in ask("DISTINCT name", "captured", "ORDER BY name")),
        not_captured=tuple(
            MissingRow(*row) for row in ask("DISTINCT name, path, line, reason", "missing", "")
        ),
        checkpoints=tuple(
            CheckpointRow(position_from_json(json.loads(path)), *rest)
            for path, *rest, _, _ in sorted(
                ask(
                    "path, bytes, checkpoint.stall_s, file, wave, rank",
                    "checkpoint",
                    "AND dropped = 0",
                ),
                # A process that was resumed has two folders; names of files go by positions.
                key=lambda row: (row[4], row[5], row[3].rpartition("/")[2]),
            )
        ),
        dropped=len(ask("file", "checkpoint", "AND dropped = 1")),
        read=tuple(path for mode, path in files if mode == "read"),
        written=tuple(path for mode, path in files if mode == "written"),
        warnings=tuple(
            connection.execute(
                "SELECT DISTINCT code, text FROM warning"
                " LEFT JOIN process ON process.key = warning.process"
                " WHERE warning.run = ? AND replay IS NULL",
                (run,),
            )
        ),
        replays=tuple(
            ReplayRow(*row)
            for row in connection.execute(
                "SELECT id, status, seconds FROM replay WHERE run = ? ORDER BY id", (run,)
            )
        ),
    )


def checkpoints(connection: sqlite3.Connection, run: int) -> list[CheckpointRow]:
    """The checkpoints of the processes of a run's lowest rank, in the order of execution."""
    rows = connection.execute(
        "SELECT rank, wave, process, main, path, bytes, checkpoint.stall_s, file FROM checkpoint"
        " JOIN process ON process.key = checkpoint.process WHERE run = ? AND replay IS NULL",
        (run,),
    ).fetchall()
    found = [
        (row[:4], CheckpointRow(position_from_json(json.loads(row[4])), *row[5:])) for row in rows
    ]
    found.sort(key=lambda item: (item[0], [index for _, index in item[1].position]))
    return [row for (rank, *_), row in found if rank == found[0][0][0]]


def _loops(connection: sqlite3.Connection, run: int) -> sqlite3.Cursor:
    """Loops of a run by their lines, each with the most iterations that a process went through.

    A loop inside a function that is called again and again has many names beside itself in one
    iteration (loop, loop#2, ...), but one line.
    """
    return connection.execute(
        "SELECT name, role, path, line, max(iterations) FROM ("
        " SELECT wave, role, CASE role WHEN 'main' THEN main END AS main, min(loop.name) AS name,"
        " min(chain) AS chain, loop.path, loop.line, sum(iterations) AS iterations"
        " FROM loop JOIN process ON process.key = loop.process"
        " WHERE process.run = ? AND replay IS NULL"
        " GROUP BY process.key, 1, 2, 3, loop.path, coalesce(loop.line, loop.chain))"
        " GROUP BY wave, role, main, path, coalesce(line, chain) ORDER BY wave, role, main, chain",
        (run,),
    )


def turns(connection: sqlite3.Connection, run: int) -> dict[tuple[str, ...], int]:
    """How many iterations the loops of a run went through over all entries, by names of loops.

    The most that any of its processes did; names stand outermost first.
    """
    rows = connection.execute(
        "SELECT chain, max(iterations) FROM loop JOIN process ON process.key = loop.process"
        " WHERE process.run = ? AND replay IS NULL GROUP BY chain",
        (run,),
    )
    return {tuple(json.loads(chain)): count for chain, count in rows}
