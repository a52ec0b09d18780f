"""`flor state`: a recorded object, read from its checkpoint, with nothing run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from florctl.cli.options import CsvOption, JsonOption, PlainOption, RunArgument
from florctl.cli.present import chosen_format, harvest_now, present_settings

if TYPE_CHECKING:
    from florctl.orchestrate.states.state import RecordedState
    from florlib.ground.position import Position


def state(
    run: RunArgument,
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME]",
            help="net.fc.weight, optimizer.param_groups[0].lr; without one, what there is.",
        ),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(
            "--at",
            metavar="epoch=7[,step=100]",
            help="Before iteration 7, at its turn 100; an index of as many as there are is the "
            "loop's end. By default the last checkpoint.",
        ),
    ] = None,
    stats: Annotated[
        bool, typer.Option("--stats", help="Minimum, maximum, mean, deviation, norm, NaNs.")
    ] = False,
    npy: Annotated[
        Path | None, typer.Option("--npy", metavar="FILE", help="Write a tensor as numpy has it.")
    ] = None,
    json: JsonOption = False,
    csv: CsvOption = False,
    plain: PlainOption = False,
) -> None:
    """Look into a checkpoint of a run; nothing is executed.

    The state is that at the very position; where no checkpoint stands, the nearest
    are named.

    Example: flor state @ --at epoch=7 net.fc.weight --stats
    """
    from florctl.cli.views.render import show
    from florctl.cli.views.state import part_view, parts_view
    from florctl.cli.views.summary import tell, tell_fetching
    from florctl.orchestrate.answers.lookup import find_run
    from florctl.orchestrate.states.state import state_at
    from florlib.ground.errors import UsageError
    from florlib.ground.position import describe

    form = chosen_format(json, csv, plain)
    wanted = None if at is None else _position(at)
    if name is None and (stats or npy is not None):
        option = "--stats" if stats else "--npy"
        raise UsageError(f"{option} wants the NAME of a tensor", hint=f"flor state {run}")
    settings = present_settings()
    harvest_now(settings.home)
    found = find_run(run, settings.home, settings.project)
    state = state_at(found, settings.home, wanted, tell_fetching)
    where = f"{found.name}@{found.ordinal}, {describe(state.row.position)}"
    tell(f"flor: {where} ({state.row.file})")
    with state.reading():
        if name is None:
            view = parts_view(state)
        else:
            content = state.find(name)
            if npy is not None:
                _write(state, name, content, npy)
            view = part_view(state, name, content, stats=stats)
        show(view, form)


def _position(words: str) -> Position:
    from florlib.ground.errors import UsageError
    from florlib.ground.position import parse_position

    position = parse_position(words)
    if position is None:
        raise UsageError(f"{words!r} is no position", hint="flor state @ --at epoch=7,step=100")
    return position


def _write(state: RecordedState, name: str, content: object, path: Path) -> None:
    import numpy

    from florctl.cli.views.summary import tell
    from florctl.orchestrate.states.elements import elements_of
    from florlib.ground.errors import UsageError

    array = elements_of(state.tree, name, content)
    try:
        with path.open("wb") as file:
            numpy.save(file, array, allow_pickle=False)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from error
    recorded = state.tree.dtype(content)
    tell(f"flor: wrote {name} to {path}: {array.dtype} {list(array.shape)}")
    if recorded != str(array.dtype):
        tell(f"flor: numpy has no {recorded}; each {array.dtype} is the same number")
