"""How much memory this process may still take."""

from __future__ import annotations

from florlib.runtime.guard import open_file

_CONTROL_GROUP = "/sys/fs/cgroup/memory"


def free_memory() -> int | None:
    """Bytes that the system could give without swapping, within the container; None if not told.

    Linux tells (proc(5), MemAvailable), and of a container its limit (cgroup v2, memory.max).
    """
    found = [free for free in (_of_system(), _of_container()) if free is not None]
    return min(found, default=None)


def _of_system() -> int | None:
    try:
        with open_file("/proc/meminfo", "rb") as file:
            for line in file:
                if line.startswith(b"MemAvailable:"):
                    return int(line.split()[1]) << 10
    except (OSError, ValueError):
        pass
    return None


def _of_container() -> int | None:
    try:
        limit, used = (_number(f"{_CONTROL_GROUP}.{name}") for name in ("max", "current"))
    except (OSError, ValueError):  # "max", for one: there is no limit
        return None
    return max(limit - used, 0)


def _number(path: str) -> int:
    with open_file(path, "rb") as file:
        return int(file.read())
