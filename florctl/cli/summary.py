"""The lines on stderr with which recording and replaying end."""

from __future__ import annotations

from pathlib import Path


def tell(line: str) -> None:
    """Write one line for people."""
    import sys

    print(line, file=sys.stderr, flush=True)  # noqa: T201  # the one place that writes such lines


def tell_recorded(home: Path, token: str) -> None:
    """Say what was recorded under a token, and how to look at it."""
    from contextlib import suppress

    from florctl.cli.options import harvest_now
    from florctl.orchestrate.lookup import details_of, find_run
    from florlib.ground.errors import FlorError

    with suppress(FlorError, OSError):
        harvest_now(home)
        run = find_run(token, home, None)
        details = details_of(run, home)
        parts = [f"{run.iterations} iterations", f"{run.checkpoints} checkpoints"]
        if run.checkpoints:
            parts[1] += f" ({_size(run.bytes)})"
        if run.overhead is not None:
            parts.append(f"overhead {run.overhead:.1%}")
        tell(f"flor: recorded {run.name}@{run.ordinal} ({run.run}): {', '.join(parts)}")
        main = [loop for loop in details.loops if loop.kind == "main"]
        if main:
            places = ", ".join(f"{loop.name} ({loop.file}:{loop.line})" for loop in main)
            tell(f"flor: main loop {places}")
        else:
            tell("flor: no training loop was found; code, arguments, prints and logs are recorded")


def _size(count: int) -> str:
    """Bytes in words.

    >>> _size(540_000), _size(2_500_000_000)
    ('540.0 kB', '2.5 GB')
    """
    size = float(count)
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"
