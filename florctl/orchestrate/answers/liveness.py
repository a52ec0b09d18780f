"""Whether a run is still going on: process ids, start times, boots, and how lately files changed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from typing import Any

from florctl.orchestrate.answers.processes import is_alive
from florlib.stores.catalog.runs import Ending, ProcessEnd

FRESH_S = 60.0
"""A journal on another host that was touched no longer ago belongs to a run that goes on; a
recording process writes at least every half second while it logs, and at each iteration."""


def ending(
    run_json: dict[str, Any],
    processes: Sequence[ProcessEnd],
    *,
    touched: datetime,
    now: datetime,
    boot: str,
    host: str,
    alive: Callable[[int, str], bool] = is_alive,
) -> Ending:
    """Judge how a run stands.

    Args:
        run_json: the content of run.json.
        processes: how its recording processes ended, oldest first.
        touched: when a file of the run was last written.
        now: the present.
        boot: id of this boot.
        host: name of this host.
        alive: whether a process of this boot is there.
    """
    started = datetime.fromisoformat(run_json["started"])
    if run_json.get("ended"):
        ended = datetime.fromisoformat(run_json["ended"])
        return _ended(run_json.get("exit_status"), run_json.get("signal"), ended, started)
    last = _last_end(run_json, processes)
    if last is not None:
        return _ended(last.exit_status, last.signal, touched, started)
    seconds = max(0.0, (touched - started).total_seconds())
    standing = _standing(run_json, touched=touched, now=now, boot=boot, host=host, alive=alive)
    if standing != "killed":
        return Ending(standing, None, None, None, seconds)
    if processes and all(process.ended for process in processes):
        return _ended(processes[-1].exit_status, processes[-1].signal, touched, started)
    return Ending("killed", None, None, touched.isoformat(), seconds)


def _standing(
    run_json: dict[str, Any],
    *,
    touched: datetime,
    now: datetime,
    boot: str,
    host: str,
    alive: Callable[[int, str], bool],
) -> str:
    if run_json.get("host") != host:
        return "running" if (now - touched).total_seconds() < FRESH_S else "unknown"
    if run_json.get("boot", "") != boot:
        return "killed"
    pid = run_json.get("pid")
    return "running" if pid and alive(pid, run_json.get("pid_start") or "") else "killed"


def _last_end(run_json: dict[str, Any], processes: Sequence[ProcessEnd]) -> ProcessEnd | None:
    """The end record of the process that is the run itself, where the run has no parent of ours.

    Other processes of a run may end while it goes on: the first of two in a shell script does.
    """
    for process in processes:
        if process.ended and process.pid == run_json.get("pid"):
            return process
    return None


def _ended(
    exit_status: int | None, signal: int | None, ended: datetime, started: datetime
) -> Ending:
    if signal:
        status = "killed"
    elif exit_status is None:
        status = "unknown"
    else:
        status = "done" if exit_status == 0 else "crashed"
    seconds = max(0.0, (ended - started).total_seconds())
    return Ending(status, exit_status, signal, ended.isoformat(), seconds)


def touched_at(mtime_ns: int) -> datetime:
    """A file's mtime as a time."""
    return datetime.fromtimestamp(mtime_ns / 1e9, tz=timezone.utc)
