"""How busy the processor's cores are, and so what a background thread takes from training."""

from __future__ import annotations

from florlib.runtime.guard import monotonic, os, process_cpu


class Cores:
    """Tells the share of the cores that is in use, over the time since it was last asked."""

    def __init__(self) -> None:
        self._count = usable_cores()
        self._asked_s = monotonic()
        self._cpu_s = process_cpu()

    def busy(self) -> float:
        """From 0, all idle, to 1: what a thread is given there is taken from others.

        Processes beside this one (workers of a DataLoader, other users) show in the load alone.
        """
        now, cpu_s = monotonic(), process_cpu()
        passed, used = now - self._asked_s, cpu_s - self._cpu_s
        self._asked_s, self._cpu_s = now, cpu_s
        own = used / passed if passed > 0 else self._count
        return float(min(1.0, max(own, _load()) / self._count))


def usable_cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _load() -> float:
    """Processes that ran or waited for a core, on average over the last minute."""
    try:
        return float(os.getloadavg()[0])
    except (AttributeError, OSError):  # not every system keeps count
        return 0.0
