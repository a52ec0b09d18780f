"""The lines on stderr with which recording and replaying end."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from florlib.stores.catalog.rows import RunDetails, RunRow


_WARNINGS_SHOWN = 5
_TOLD = ("version-skipped", "version-not-saved", "degraded")


def tell(line: str) -> None:
    """Write one line for people, behind what went to stdout before it."""
    import sys

    sys.stdout.flush()
    print(line, file=sys.stderr, flush=True)  # noqa: T201  # the one place that writes such lines


def tell_recorded(home: Path, token: str) -> None:
    """Say what was recorded under a token."""
    from contextlib import suppress

    from florctl.cli.present import harvest_now
    from florctl.orchestrate.answers.lookup import details_of, find_run
    from florlib.ground.errors import FlorError

    with suppress(FlorError, OSError):
        harvest_now(home)
        run = find_run(token, home, None)
        for line in _recorded_lines(run, details_of(run, home)):
            tell(line)


def tell_limited(home: Path, token: str, home_bytes: int) -> None:
    """Bring about the limits on what checkpoints take, and say what went for them."""
    from contextlib import suppress
    from datetime import datetime, timezone

    from florctl.cli.views.texts import size
    from florctl.orchestrate.recording.limits import keep_within_limits
    from florlib.ground.errors import FlorError

    with suppress(FlorError, OSError):
        now = datetime.now(timezone.utc)
        for sweep in keep_within_limits(home, token, home_bytes, now=now):
            if sweep.deletions:
                runs = counted(len({one.run.run for one in sweep.deletions}), "run")
                gone = counted(len(sweep.deletions), "checkpoint")
                tell(f"flor: dropped {gone} of {runs}, {size(sweep.bytes)}, to keep to the limit")
            for text in sweep.over:
                tell(f"warning: {text}")


def _recorded_lines(run: RunRow, details: RunDetails) -> list[str]:
    from florctl.cli.views.overhead import reach_of_run, reach_words, short_cost_words
    from florctl.cli.views.texts import size

    cost = short_cost_words(run, details)
    ended = "" if run.status == "done" else f", {run.status}"
    lines = [f"flor: recorded {run.name}@{run.ordinal} ({run.run}){ended}{cost}"]
    main = [loop for loop in details.loops if loop.kind == "main"]
    if not main:
        lines.append("flor: no training loop was found: code, arguments, prints and logs are kept")
        return lines + _warning_lines(details)
    for loop in main:
        place = f" ({loop.file}:{loop.line})" if loop.file else ""
        lines.append(f"flor: main loop {loop.name}{place}: {counted(loop.iterations, 'iteration')}")
    lines[-1] += f", {counted(run.checkpoints, 'checkpoint')}, {size(run.bytes)}"
    reach = reach_of_run(details)
    if reach is not None and reach.budget is not None:
        lines.append(f"flor: {reach_words(reach)}")
    return lines + _warning_lines(details)


def _warning_lines(details: RunDetails) -> list[str]:
    """What the process warned of; what the command line did is on the screen already."""
    texts = [text for code, text in details.warnings if code not in _TOLD]
    lines = [f"warning: {text}" for text in texts[:_WARNINGS_SHOWN]]
    if len(texts) > _WARNINGS_SHOWN:
        lines.append(f"hint: flor log show @ has {len(texts) - _WARNINGS_SHOWN} more warnings")
    return lines


def tell_fetching(checkpoints: int, stored_bytes: int, url: str) -> None:
    """Say that checkpoints come back from a spool, before they do."""
    from florctl.cli.views.runs import place
    from florctl.cli.views.texts import size

    total = f"{counted(checkpoints, 'checkpoint')}, {size(stored_bytes)}"
    tell(f"flor: fetching {total}, from {place(url)}")


def counted(count: int, noun: str) -> str:
    """A number and its noun.

    >>> counted(1, "checkpoint"), counted(7, "checkpoint")
    ('1 checkpoint', '7 checkpoints')
    """
    return f"{count} {noun}{'' if count == 1 else 's'}"
