"""`flor log tail`: the last values of a run, and those to come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from florctl.cli.options import CsvOption, JsonOption, PlainOption, RunArgument
from florctl.cli.present import Format, chosen_format, harvest_now, present_settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from florctl.orchestrate.answers.following import Follower, Told
    from florlib.stores.catalog.rows import RunRow

_LOOK_S = 0.5  # a recording process writes as often


def tail(
    run: RunArgument,
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME]...", help="What to show; all but stderr by default."),
    ] = None,
    count: Annotated[
        int, typer.Option("--lines", "-n", min=0, metavar="N", help="How many to begin with.")
    ] = 10,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on until the run ends.")
    ] = False,
    json: JsonOption = False,
    csv: CsvOption = False,
    plain: PlainOption = False,
) -> None:
    """Show the last values and lines of a run, as its journals have them.

    With -f, those that are written from now on as well, until the run ends; --json
    is then an object a line.

    Example: flor log tail -f @ loss
    """
    from florctl.orchestrate.answers.following import Follower
    from florctl.orchestrate.answers.lookup import find_run
    from florlib.ground.layout import RunLayout

    form = chosen_format(json, csv, plain)
    settings = present_settings()
    harvest_now(settings.home)
    row = find_run(run, settings.home, settings.project)
    follower = Follower(RunLayout(settings.home / row.folder), frozenset(names or ()))
    shown = _Shown(row, form, is_stream=follow)
    found = follower.last(count)
    shown.begin()
    shown.add(found)
    if follow:
        _follow(row, follower, shown)
    elif names and not found and count:
        _complain(row, names)


def _follow(row: RunRow, follower: Follower, shown: _Shown) -> None:
    import time

    from florctl.cli.views.summary import tell

    # Asked before each look: what was written up to the end is read after it.
    ending = follower.ending()
    shown.add(follower.look())
    while ending.status == "running":
        time.sleep(_LOOK_S)
        ending = follower.ending()
        shown.add(follower.look())
    how = f", exit status {ending.exit_status}" if ending.exit_status else ""
    how += f", signal {ending.signal}" if ending.signal else ""
    tell(f"flor: {row.name}@{row.ordinal} is {ending.status}{how}")


def _complain(row: RunRow, names: Sequence[str]) -> None:
    from florctl.orchestrate.answers.logged import NameNotFound

    text = f"{row.name}@{row.ordinal} has recorded no {names[0]}"
    raise NameNotFound(text, hint=f"flor log get {row.run}")


class _Shown:
    """What is shown, line by line as it comes.

    Args:
        row: the run.
        form: that was asked for.
        is_stream: lines come as long as the run goes on, so JSON is an object a line.
    """

    def __init__(self, row: RunRow, form: Format, *, is_stream: bool) -> None:
        self._row, self._form, self._is_stream = row, form, is_stream
        self._widths = [0, 0]

    def begin(self) -> None:
        """Write the names of the fields, where the form has them."""
        from florctl.cli.views.render import write_csv_rows

        if self._form is Format.csv:
            write_csv_rows([_FIELDS])

    def add(self, values: Iterable[Told]) -> None:
        """Show values."""
        import json
        import sys

        from florctl.cli.views.render import write_csv_rows

        found = list(values)
        if self._form is Format.json:
            objects = [self._object(one) for one in found]
            if self._is_stream:
                for each in objects:
                    typer.echo(json.dumps(each))
            else:
                typer.echo(json.dumps(objects, indent=2))
        elif self._form is Format.csv:
            write_csv_rows([self._record(one) for one in found])
        else:
            for one in found:
                typer.echo(self._line(one))
        sys.stdout.flush()

    def _object(self, one: Told) -> dict[str, Any]:
        from florctl.cli.views.values import position_objects
        from florlib.ground.values import plain_json

        return {
            "run": self._row.run,
            "rank": one.rank,
            "position": position_objects(one.position),
            "name": one.name,
            "value": plain_json(one.value),
        }

    def _record(self, one: Told) -> list[Any]:
        from florlib.ground.position import position_words
        from florlib.ground.values import plain_json

        place = position_words(one.position)
        return [self._row.run, one.rank, place, one.name, plain_json(one.value)]

    def _line(self, one: Told) -> str:
        from florctl.cli.views.render import plain_line
        from florctl.cli.views.values import value_text
        from florlib.ground.position import describe

        if self._form is Format.plain:
            return plain_line(self._record(one))
        place = describe(one.position) if one.position else ""
        cells = [place, one.name if not one.rank else f"{one.name} (rank {one.rank})"]
        self._widths = [
            max(width, len(cell)) for width, cell in zip(self._widths, cells, strict=True)
        ]
        padded = [cell.ljust(width) for cell, width in zip(cells, self._widths, strict=True)]
        return "  ".join([*padded, plain_line([value_text(one.value)])])


_FIELDS = ("run", "rank", "position", "name", "value")
