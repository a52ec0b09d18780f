"""What is seen of a replay while its workers work: where each is, and new values as they come."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING

from florctl.cli.views.summary import counted, tell

if TYPE_CHECKING:
    from rich.live import Live
    from rich.table import Table

    from florctl.orchestrate.replaying.tally import NewValue, Tally, WorkerTally
    from florctl.orchestrate.replaying.workers import Crew

_SHORT_S = 2.0  # a replay that ends within it needs no view
_QUIET_S = 15.0  # nor any lines, off a terminal, within this


class Progress:
    """Shows how far a replay is, on standard error.

    Args:
        follow: also prints new values on standard output, in the order of the run.
    """

    def __init__(self, *, follow: bool = False) -> None:
        self._follow = follow
        self._tally: Tally | None = None
        self._live: Live | None = None
        self._began_s = time.monotonic()
        self._told = 0  # tenths of it, off a terminal
        self._waiting: list[NewValue] = []
        self._shown: set[object] = set()  # keys of what was printed

    def __enter__(self) -> Progress:
        """Nothing is shown before there is something to show."""
        if self._follow:
            tell(
                "flor: values are shown as they come; whether they are verified is told at the end"
            )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """The view goes; the report takes its place."""
        if self._live is not None:
            self._live.stop()
        if self._tally is not None and self._follow:
            self._tally.look()
            self._waiting += self._tally.fresh
            self._print(self._waiting)

    def look(self, crew: Crew) -> None:
        """Look into the workers' journals, and show what has come of it."""
        from florctl.orchestrate.replaying.tally import Tally

        if self._tally is None or self._tally.crew is not crew:
            self._tally, self._waiting = Tally(crew), []
        tally, passed_s = self._tally, time.monotonic() - self._began_s
        tally.look()
        if self._follow:
            self._waiting += tally.fresh
            before = tally.complete_before
            self._print([one for one in self._waiting if one.when < before])
            self._waiting = [one for one in self._waiting if one.when >= before]
        if sys.stderr.isatty():
            if passed_s >= _SHORT_S:
                self._show(tally, passed_s)
        elif passed_s >= _QUIET_S and 10 > tenths(tally.share) > self._told:
            self._told = tenths(tally.share)
            tell(f"flor: {_words(tally, passed_s)}")

    def _print(self, values: list[NewValue]) -> None:
        """Print values as `flor log get --plain` does, the earliest in the run first."""
        import typer

        from florctl.cli.views.render import plain_line
        from florlib.ground.position import position_words
        from florlib.ground.values import decode_value, plain_json

        for one in sorted(values, key=lambda one: one.when):
            if one.key in self._shown:
                continue
            self._shown.add(one.key)
            shown = plain_json(decode_value(one.value))
            typer.echo(plain_line((position_words(one.position), one.name, shown)))

    def _show(self, tally: Tally, passed_s: float) -> None:
        from rich.console import Console
        from rich.live import Live

        if self._live is None:
            console = Console(stderr=True)
            self._live = Live(console=console, transient=True, auto_refresh=False)
            self._live.start()
        self._live.update(_table(tally, passed_s), refresh=True)


def tenths(share: float) -> int:
    """How many tenths of the work are done.

    >>> tenths(0.3), tenths(0.1 + 0.2), tenths(0.9999)
    (3, 3, 9)
    """
    return int(share * 10 + 1e-9)


def _words(tally: Tally, passed_s: float) -> str:
    words = [f"{tally.share:.0%}", f"{tally.done} of {counted(tally.planned, 'iteration')}"]
    if tally.values:
        words.append(f"{counted(tally.values, 'new value')}")
    return ", ".join([*words, f"about {tally.left_s(passed_s):.0f} s left"])


def _table(tally: Tally, passed_s: float) -> Table:
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0), show_edge=False, pad_edge=False)
    for name in ("worker", "at", "iterations", "a second", "new values"):
        table.add_column(name, justify="left" if name in ("worker", "at") else "right")
    for one in tally.workers:
        table.add_row(_name(one), one.standing, str(one.done), _rate(one), str(one.values))
    done = f"{tally.done} of {tally.planned}"
    table.add_row("all", f"{tally.share:.0%}", done, "", str(tally.values))
    table.caption = f"{passed_s:.0f} s passed, about {tally.left_s(passed_s):.0f} s left"
    table.caption_justify = "left"
    return table


def _name(one: WorkerTally) -> str:
    return f"{one.number}" if one.device is None else f"{one.number} on {one.device}"


def _rate(one: WorkerTally) -> str:
    return "" if one.rate is None else f"{one.rate:.2g}"
