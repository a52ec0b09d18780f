"""Processes, told from later ones of the same id: by this host, this boot, and when they were started."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any


def host_name() -> str:
    """Names this host."""
    return os.uname().nodename


def boot_id() -> str:
    """Names this boot of this machine; empty where the system does not tell (not Linux)."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def process_start(pid: int) -> str:
    """When a process was started, in clock ticks since the boot; empty where it is gone or unknown.

    With the id of the boot, it tells a process from a later one of the same id (proc(5), field 22).
    A zombie is gone.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    # The second field is the program's name in parentheses, which may itself hold any character.
    fields = stat.rpartition(")")[2].split()
    return "" if fields[0] in ("Z", "X") else fields[19]


def identity(pid: int) -> dict[str, Any]:
    """What run.json says of the process that will write a run's end (see `_standing`)."""
    return {
        "pid": pid,
        "pid_start": process_start(pid),
        "host": host_name(),
        "boot": boot_id(),
    }


def is_alive(pid: int, start: str) -> bool:
    """Whether the process that was started at `start` (see `process_start`) is there."""
    if Path("/proc/self/stat").exists():
        found = process_start(pid)
        return bool(found) and (not start or found == start)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
