"""What a report has to say of single added lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from florlib.hindsight.planner import Planned
from florlib.hindsight.probes import Probe
from florlib.hindsight.trace import HINDSIGHT, Trace

HELD_FROM_S, HELD_SHARE = 10.0, 0.1
"""What is told of holding the state takes more than both, the share of the replay's time."""


def silent(probes: Sequence[Probe], traces: Sequence[Trace]) -> list[Probe]:
    """The probes that nothing was logged by."""
    sites = {(row.path, row.line) for one in traces for row in one.rows if row.flags & HINDSIGHT}
    return [
        probe
        for probe in probes
        if not any((probe.path, n) in sites for n in range(probe.line, probe.end_line + 1))
    ]


def elsewhere(planned: Planned, silent: Sequence[Probe]) -> list[dict[str, Any]]:
    """Probes whose values, or some of them, come about in processes that are not followed."""
    unplaced = []
    for probe in planned.probes:
        if probe in planned.started:
            reason = "it runs in another process that the script starts"
        elif probe in planned.loaded and probe in silent:
            reason = "it runs in worker processes of a DataLoader; num_workers=0 would answer it"
        else:
            continue
        unplaced.append({"file": probe.path, "line": probe.line, "reason": reason})
    return unplaced


def warnings(planned: Planned, silent: Sequence[Probe]) -> list[dict[str, str]]:
    """What has to be known of single probes whose values may be fewer than they seem."""
    told = []
    for probe in planned.probes:
        place = f"{probe.path}:{probe.line}"
        if probe in planned.loaded and probe not in silent:
            text = f"{place}: worker processes of a DataLoader may run this line too, unrecorded"
            told.append({"code": "other-process", "text": text})
        elif probe in silent and probe not in planned.loaded | planned.started:
            text = f"{place}: this line has logged nothing; it was not reached"
            told.append({"code": "line-silent", "text": text})
    return told


def held(traces: Sequence[Trace], seconds: float) -> list[dict[str, str]]:
    """The lines around which the state was held for a good part of a replay of so many seconds."""
    sums: dict[tuple[str, int], tuple[int, float]] = {}
    for trace in traces:
        for place, (count, took_s) in trace.held.items():
            times, total_s = sums.get(place, (0, 0.0))
            sums[place] = (times + count, total_s + took_s)
    return [
        {"code": "state-held", "text": _held_text(*place, count, took_s)}
        for place, (count, took_s) in sorted(sums.items())
        if took_s > max(HELD_FROM_S, HELD_SHARE * seconds)
    ]


def _held_text(path: str, line: int, count: int, took_s: float) -> str:
    times = "once" if count == 1 else f"{count:,} times"
    return (
        f"{path}:{line}: this line may change something, so the state was put aside and back"
        f" around it, {times}, which took {took_s:.1f} s; one that only reads and logs takes none"
    )
