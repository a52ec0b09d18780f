"""`flor replay` of several runs: what is placed where, how far it is, and all answers in one table."""

from __future__ import annotations

import difflib
import json as json_module
import secrets
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from florctl.cli.views.layout import Column, Table
from florctl.cli.views.progress import tenths
from florctl.cli.views.render import on_terminal, show, tables_only
from florctl.cli.views.summary import counted, tell, tell_fetching

if TYPE_CHECKING:
    from rich.live import Live
    from rich.table import Table as RichTable

    from florctl.orchestrate.planning.preparation import Prepared
    from florctl.orchestrate.replaying.several import Asked, Several
    from florctl.orchestrate.replaying.tally import Tally
    from florctl.orchestrate.replaying.workers import Crew
    from florlib.stores.catalog.rows import RunRow, ValueRow

SHOWN_VALUES = 60  # on a terminal; the catalog has them all
_QUIET_S = 15.0  # off a terminal, no lines within this


def label(one: Asked) -> str:
    """What a run is called in tables."""
    return f"{one.row.name}@{one.row.ordinal}"


# ---------------------------------------------------------------------- before


def show_plans(several: Several, json: bool) -> None:
    """Print what would be placed where and executed, and what it would cost."""
    import typer

    from florctl.orchestrate.replaying.report import plan_json

    if json:
        content = [
            {**one.to_json(), **plan_json(one.prepared.planned), "placed": _placed_json(one)}
            if one.prepared is not None
            else one.to_json()
            for one in several.asked
        ]
        total = {"estimate_s": several.estimate_s, "full_run_s": several.full_run_s}
        typer.echo(json_module.dumps({"runs": content, **total}))
        return
    show(tables_only([_placing_table(several), _cost_table(several)]))
    typer.echo(
        f"\nexpected     {several.estimate_s:.1f} s; all runs anew would take"
        f" {several.full_run_s:.1f} s"
    )


def _placed_json(one: Asked) -> list[dict[str, object]]:
    from dataclasses import asdict

    earlier = None if one.prepared is None else one.prepared.earlier
    return [] if earlier is None else [asdict(each) for each in earlier.propagated.placed]


def _placing_table(several: Several) -> Table:
    """A line for each added line in each version: where it goes, or why it has no place."""
    columns = (Column("run"), Column("line"), Column("there"), Column("how", shrinks=True))
    return Table(columns, [[label(one), *row] for one in several.asked for row in _placings(one)])


def _placings(one: Asked) -> Iterator[tuple[str, str, str]]:
    if one.refusal is not None:
        details = one.refusal.details or [one.refusal.message]
        for line in details:
            place, _, reason = line.partition(": ")
            yield (place, "", reason) if one.refusal.details else ("", "", line)
        return
    assert one.prepared is not None
    earlier = one.prepared.earlier
    if earlier is None:
        for probe in one.prepared.question.probes:
            place = f"{probe.path}:{probe.line}"
            yield place, place, "as it stands"
        return
    for placed in earlier.propagated.placed:
        how = "as it stands" if placed.exact else "where it belongs"
        yield f"{placed.file}:{placed.line}", f"{placed.into}:{placed.at}", how
    for refused in earlier.propagated.refused:
        yield f"{refused.file}:{refused.line}", "", refused.reason


def _cost_table(several: Several) -> Table:
    columns = (
        Column("run"),
        Column("looks into"),
        Column("iterations", right=True),
        Column("expected", right=True),
        Column("anew", right=True),
    )
    rows = []
    for one in several.to_run:
        assert one.prepared is not None
        planned = one.prepared.planned
        count = sum(part.stop - part.start for part in planned.plan.segments)
        expected, anew = f"{planned.estimate_s:.1f} s", f"{planned.full_run_s:.1f} s"
        rows.append([label(one), planned.plan.mode, str(count), expected, anew])
    return Table(columns, rows)


def preview_of(row: RunRow, prepared: Prepared) -> None:
    """Print the difference that the added lines make in the version of one run."""
    from florctl.orchestrate.devices import Devices
    from florctl.orchestrate.replaying.several import Asked, Several

    show_sources(Several([Asked(row, prepared)], Devices()))


def show_sources(several: Several) -> None:
    """Print, for each run, the difference that the added lines make in its own version."""
    import typer

    for one in several.asked:
        earlier = None if one.prepared is None else one.prepared.earlier
        if one.refusal is not None:
            tell(f"error: {label(one)}: {one.refusal.message}")
        if earlier is None:
            continue
        for path in sorted(earlier.propagated.texts):
            recorded = earlier.recorded[path]
            lines = difflib.unified_diff(
                recorded.splitlines(),
                earlier.texts[path].splitlines(),
                f"{label(one)}/{path}",
                f"{label(one)}/{path} (asked)",
                lineterm="",
            )
            for line in lines:
                typer.echo(line)


# ---------------------------------------------------------------------- meanwhile


class SeveralProgress:
    """Shows how far the replays of several runs are, on standard error."""

    def __init__(self, several: Several) -> None:
        self._several = several
        self._tallies: dict[int, Tally] = {}
        self._stack = ExitStack()
        self._live: Live | None = None
        self._began_s = time.monotonic()
        self._told = 0

    def __enter__(self) -> SeveralProgress:
        """A terminal gets a view that goes when the report comes."""
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.live import Live

            live = Live(console=Console(stderr=True), transient=True, auto_refresh=False)
            self._live = self._stack.enter_context(live)
        return self

    def __exit__(self, *error: object) -> None:
        """The view goes."""
        self._stack.close()

    def look(self, crews: Sequence[Crew]) -> None:
        """Look into the journals of the replays that have begun."""
        from florctl.orchestrate.replaying.tally import Tally

        for crew in crews:
            key = id(crew)
            self._tallies.setdefault(key, Tally(crew)).look()
        ended = sum(one.report is not None for one in self._several.to_run)
        share = self._share(ended)
        if self._live is not None:
            self._live.update(self._table(), refresh=True)
        elif time.monotonic() - self._began_s >= _QUIET_S and tenths(share) > self._told:
            self._told = tenths(share)
            tell(f"flor: {share:.0%}, {ended} of {counted(len(self._several.to_run), 'run')} done")

    def _share(self, ended: int) -> float:
        total = len(self._several.to_run) or 1
        going = sum(one.share for one in self._tallies.values() if not _has_ended(one))
        return min(1.0, (ended + going) / total)

    def _table(self) -> RichTable:
        from rich.table import Table as RichTable

        table = RichTable(box=None, padding=(0, 2, 0, 0), show_edge=False, pad_edge=False)
        for name in ("run", "at", "iterations", "new values"):
            table.add_column(name, justify="left" if name in ("run", "at") else "right")
        for one in self._tallies.values():
            run = one.crew.prepared.request.layout.run
            at = "done" if _has_ended(one) else f"{one.share:.0%}"
            table.add_row(run, at, f"{one.done} of {one.planned}", str(one.values))
        waiting = len(self._several.to_run) - len(self._tallies)
        if waiting > 0:
            table.add_row(f"{counted(waiting, 'run')} to come", "", "", "")
        return table


def _has_ended(tally: Tally) -> bool:
    workers = tally.crew.workers
    return bool(workers) and all(worker.ended is not None for worker in workers)


def run_several(several: Several, now: datetime) -> None:
    """Replay the runs, with a view of how far they are."""
    tokens = iter(lambda: secrets.token_hex(3), "")
    tell(f"flor: replaying {counted(len(several.to_run), 'run')}, {several.at_once} at a time")
    with SeveralProgress(several) as progress:
        several.execute(progress.look, now=now, tokens=tokens, fetching=tell_fetching)


# ---------------------------------------------------------------------- afterwards


def show_answers(several: Several, home: Path, json: bool) -> None:
    """Print all new values in one table, and a line for each run on how they were had."""
    import typer

    if json:
        typer.echo(json_module.dumps([one.to_json() for one in several.asked]))
    else:
        _show_values(several, home)
    for one in several.asked:
        _tell_of(one)
    replayed = [one.report for one in several.asked if one.report is not None]
    verified = sum(report.status == "verified" for report in replayed)
    refused = sum(one.refusal is not None for one in several.asked)
    words = [f"{counted(len(several.asked), 'run')}: {verified} verified"]
    words += [f"{len(replayed) - verified} otherwise"] if len(replayed) > verified else []
    words += [f"{refused} refused"] if refused else []
    tell(f"flor: {', '.join(words)}")


def _show_values(several: Several, home: Path) -> None:
    from florctl.cli.views.values import across_runs
    from florctl.orchestrate.answers.logged import values_of

    found: list[tuple[str, list[ValueRow]]] = []
    names: dict[str, None] = {}
    for one in several.asked:
        if one.report is None or not one.report.verdict.new:
            continue
        asked = sorted(one.report.verdict.new)
        names.update(dict.fromkeys(asked))
        rows = values_of(one.row, asked, home)
        found.append((label(one), [row for row in rows if row.origin == one.report.replay]))
    total = sum(len(rows) for _, rows in found)
    if not total:
        return
    most = SHOWN_VALUES // len(found) if on_terminal() and total > SHOWN_VALUES else None
    shown = [(run, rows[:most]) for run, rows in found]
    show(tables_only([across_runs(list(names), shown)]))
    if most is not None:
        words = " ".join(names)
        tell(f"flor: the first of {total} values: flor log get {found[0][0]} {words}")


def _tell_of(one: Asked) -> None:
    from florctl.cli.views.answer import verdict_words

    if one.refusal is not None:
        tell(f"error: {label(one)}: {one.refusal.message}")
        for line in one.refusal.details:
            tell(f"error: {label(one)}: {line}")
        return
    if one.report is None:
        tell(f"flor: {label(one)}: nothing to ask: it has all that the code logs")
        return
    for warning in one.report.warnings:
        tell(f"warning: {label(one)}: {warning['text']}")
    sign = "error" if one.report.exit_status else "flor"
    tell(f"{sign}: {label(one)}: {verdict_words(one.report)}")
    for item in one.report.unplaced:
        place = f"{item['file']}:{item['line']}" if "line" in item else item["file"]
        tell(f"error: {label(one)}: {place}: {item['reason']}")
