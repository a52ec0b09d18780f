"""Runs and replays into rows: run.json, a replay's report, and what is added up from journals."""

from __future__ import annotations

import json
import sqlite3
from typing import Any, NamedTuple

from florlib.stores.catalog.interned import storable

_MARKS = {"verified": 1, "diverged": 0}


class Ending(NamedTuple):
    """How a run stands: its status and, unless it is running, its end.

    Attributes:
        status: running, done, crashed, killed or unknown.
        ended: ISO 8601, or None.
        seconds: from its start to its end, or to the last touch of its files.
    """

    status: str
    exit_status: int | None
    signal: int | None
    ended: str | None
    seconds: float | None


class ProcessEnd(NamedTuple):
    """What a journal's end record says, or that there is none."""

    pid: int
    ended: bool
    exit_status: int | None
    signal: int | None


def put_run(connection: sqlite3.Connection, folder: str, run_json: dict[str, Any]) -> int:
    """Add a run or renew it from its run.json; its status stays as it was.

    Returns:
        The key of the run.
    """
    version = run_json.get("version")
    values = {
        "id": run_json["run"],
        "folder": folder,
        "name": run_json["name"],
        "ordinal": int(run_json.get("ordinal") or 0),
        "project": storable(run_json["project"]),
        "cwd": storable(run_json.get("cwd") or ""),
        "script": storable(run_json.get("script")),
        "command": json.dumps(run_json.get("command") or []),
        "tags": json.dumps(run_json.get("tags") or {}),
        "environment": json.dumps(run_json.get("environment") or {}),
        "budget": run_json.get("budget"),
        "started": run_json["started"],
    }
    connection.execute(
        "INSERT INTO run (id, folder, name, ordinal, project, cwd, script, command, tags,"
        " environment, budget, started, status) VALUES (:id, :folder, :name, :ordinal, :project,"
        " :cwd, :script, :command, :tags, :environment, :budget, :started, 'unknown')"
        " ON CONFLICT (id) DO UPDATE SET folder = :folder, name = :name, ordinal = :ordinal,"
        " project = :project, cwd = :cwd, script = :script, command = :command, tags = :tags,"
        " environment = :environment, budget = :budget, started = :started",
        values,
    )
    key = key_of(connection, run_json["run"])
    _put_version(connection, key, version)
    connection.execute("DELETE FROM warning WHERE run = ? AND process IS NULL", (key,))
    connection.executemany(
        "INSERT INTO warning VALUES (?, NULL, ?, ?)",
        [
            (key, storable(warning["code"]), storable(warning["text"]))
            for warning in run_json.get("warnings") or []
        ],
    )
    return key


def put_notes(
    connection: sqlite3.Connection, run: int, tags: dict[str, str], note: str | None
) -> None:
    """Set what was written about a run after it: all its tags, and its note."""
    connection.execute(
        "UPDATE run SET tags = ?, note = ? WHERE key = ?", (json.dumps(tags), storable(note), run)
    )


def has_notes(
    connection: sqlite3.Connection, run: int, tags: dict[str, str], note: str | None
) -> bool:
    """Whether the catalog has just these tags and this note."""
    row = connection.execute("SELECT tags, note FROM run WHERE key = ?", (run,)).fetchone()
    return bool(row == (json.dumps(tags), storable(note)))


def key_of(connection: sqlite3.Connection, run: str) -> int:
    """The key of a run that is known."""
    (key,) = connection.execute("SELECT key FROM run WHERE id = ?", (run,)).fetchone()
    return int(key)


def _put_version(connection: sqlite3.Connection, run: int, version: dict[str, Any] | None) -> None:
    connection.execute("DELETE FROM version WHERE run = ?", (run,))
    if not version:
        return
    dirty = version.get("dirty")
    connection.execute(
        "INSERT INTO version VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            run,
            version.get("commit"),
            version.get("work_commit"),
            version.get("tree"),
            version.get("base"),
            storable(version.get("branch")),
            None if dirty is None else int(dirty),
            version.get("store"),
            json.dumps(version.get("skipped") or []),
        ),
    )


def put_replay(
    connection: sqlite3.Connection,
    run: int,
    replay: str,
    status: str,
    report: dict[str, Any] | None = None,
) -> int:
    """Add a replay or renew it.

    Args:
        connection: the catalog.
        run: key of the run.
        replay: the replay's id.
        status: the report's, or "running" or "killed" where there is no report.
        report: report.json, once there is one.

    Returns:
        The key of the replay.
    """
    seconds = report.get("seconds") if report else None
    text = json.dumps(report) if report else None
    connection.execute(
        "INSERT INTO replay (run, id, status, seconds, report) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (run, id) DO UPDATE SET status = excluded.status,"
        " seconds = excluded.seconds, report = excluded.report",
        (run, replay, status, seconds, text),
    )
    key = replay_key(connection, run, replay)
    mark_values(connection, key)
    return key


def mark_values(connection: sqlite3.Connection, replay: int) -> None:
    """Have a replay's new values say how far they can be trusted, as its report has it."""
    (text,) = connection.execute("SELECT report FROM replay WHERE key = ?", (replay,)).fetchone()
    marks = json.loads(text).get("marks", {}) if text else {}
    blocks = connection.execute(
        "SELECT journal, first, last FROM process JOIN block ON block.process = process.key"
        " WHERE replay = ? AND flags & 1",
        (replay,),
    ).fetchall()
    for journal, *keys in blocks:
        before = 0
        for last, mark in marks.get(journal.rpartition("/")[2], []):
            connection.execute(
                "UPDATE log SET verified = ? WHERE key BETWEEN ? AND ? AND seq > ? AND seq <= ?",
                (_MARKS.get(mark), *keys, before, last),
            )
            before = last


def replay_key(connection: sqlite3.Connection, run: int, replay: str) -> int:
    """The key of a replay that is known."""
    (key,) = connection.execute(
        "SELECT key FROM replay WHERE run = ? AND id = ?", (run, replay)
    ).fetchone()
    return int(key)


def has_unreported_replay(connection: sqlite3.Connection, run: int) -> bool:
    """Whether a replay of the run has no report: it may be going on, however quietly."""
    row = connection.execute(
        "SELECT 1 FROM replay WHERE run = ? AND report IS NULL", (run,)
    ).fetchone()
    return row is not None


def replays_with_report(connection: sqlite3.Connection, run: int) -> set[str]:
    """Ids of the replays of a run whose report is in the catalog."""
    rows = connection.execute("SELECT id FROM replay WHERE run = ? AND report NOTNULL", (run,))
    return {replay for (replay,) in rows}


def known_replays(connection: sqlite3.Connection, run: int) -> set[str]:
    """Ids of all replays of a run."""
    return {id_ for (id_,) in connection.execute("SELECT id FROM replay WHERE run = ?", (run,))}


def forget_replay(connection: sqlite3.Connection, run: int, replay: str) -> None:
    """Drop a replay whose folder is gone."""
    connection.execute("DELETE FROM replay WHERE run = ? AND id = ?", (run, replay))


def process_ends(connection: sqlite3.Connection, run: int) -> list[ProcessEnd]:
    """How the recording processes of a run ended, in the order they were started."""
    rows = connection.execute(
        "SELECT pid, ended, exit_status, signal FROM process"
        " WHERE run = ? AND replay IS NULL ORDER BY started, key",
        (run,),
    )
    return [ProcessEnd(pid, bool(ended), *how) for pid, ended, *how in rows]


def put_ending(connection: sqlite3.Connection, run: int, ending: Ending) -> None:
    """Set the status of a run."""
    connection.execute(
        "UPDATE run SET status = ?, exit_status = ?, signal = ?, ended = ?, seconds = ?"
        " WHERE key = ?",
        (
            ending.status,
            ending.exit_status,
            ending.signal,
            ending.ended,
            ending.seconds,
            run,
        ),
    )


def ending_of(connection: sqlite3.Connection, run: int) -> Ending:
    """The status of a run as it stands in the catalog."""
    row = connection.execute(
        "SELECT status, exit_status, signal, ended, seconds FROM run WHERE key = ?", (run,)
    ).fetchone()
    return Ending(*row)


def add_up(connection: sqlite3.Connection, run: int) -> None:
    """Add up a run's journals: waves, iterations, checkpoints, time lost to them."""
    _number_waves(connection, run)
    connection.execute(
        "UPDATE run SET (checkpoints, bytes) ="
        " (SELECT coalesce(sum(dropped = 0), 0), coalesce(sum(bytes * (dropped = 0)), 0)"
        " FROM checkpoint"
        " JOIN process ON process.key = checkpoint.process"
        " WHERE process.run = run.key AND replay IS NULL),"
        # What a process tells by itself counts checkpoints that were never published, too; one
        # that was killed may not have told of its last ones.
        " (stall_s, slowed_s, training_s) = (SELECT coalesce(sum(max(stall_s, (SELECT"
        " coalesce(sum(stall_s), 0.0) FROM checkpoint WHERE process = process.key))), 0.0),"
        " coalesce(sum(slowed_s), 0.0), coalesce(sum(training_s), 0.0) FROM process"
        " WHERE process.run = run.key AND replay IS NULL),"
        " iterations = (SELECT coalesce(max(of_rank), 0) FROM (SELECT sum(iterations) AS of_rank"
        " FROM loop JOIN process ON process.key = loop.process"
        " WHERE process.run = run.key AND replay IS NULL AND role = 'main' GROUP BY rank))"
        " WHERE key = ?",
        (run,),
    )


def _number_waves(connection: sqlite3.Connection, run: int) -> None:
    """Number the processes of each rank by their start; a replay's take the recorded one's number."""
    rows = connection.execute(
        "SELECT key, rank, wave FROM process WHERE run = ? AND replay IS NULL"
        " ORDER BY started, key",
        (run,),
    ).fetchall()
    started: dict[int, int] = {}
    for key, rank, known in rows:
        wave = started.get(rank, 0)
        started[rank] = wave + 1
        if wave != known:
            connection.execute("UPDATE process SET wave = ? WHERE key = ?", (wave, key))
    connection.execute(
        "UPDATE process SET wave = coalesce("
        "(SELECT recorded.wave FROM process AS recorded WHERE recorded.key = process.stands_for), 0)"
        " WHERE run = ? AND replay NOTNULL",
        (run,),
    )
