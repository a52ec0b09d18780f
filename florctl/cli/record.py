"""`flor record`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from florlib.ground.requeue import STATUS

if TYPE_CHECKING:
    from florctl.orchestrate.recording.record import RecordRequest

CONTEXT = {"allow_interspersed_args": False, "ignore_unknown_options": True}


def record(
    context: typer.Context,
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SCRIPT|-m MODULE|-- CMD [ARGS]...", help="What to run, and its own flags."
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="Of the run; by default the script's.")
    ] = None,
    budget: Annotated[
        str | None, typer.Option(metavar="SHARE", help="Of training time to spend, 1% by default.")
    ] = None,
    ckpt_max: Annotated[
        str | None,
        typer.Option("--ckpt-max", metavar="SIZE", help="Of checkpoints to keep, such as 20GB."),
    ] = None,
    tag: Annotated[
        list[str] | None, typer.Option(metavar="K=V", help="A tag to find the run by.")
    ] = None,
    loop: Annotated[
        str | None, typer.Option(metavar="FILE:LINE", help="The main loop, where flor is wrong.")
    ] = None,
    version: Annotated[bool, typer.Option(help="Save the working tree as a version.")] = True,
    requeue: Annotated[
        bool,
        typer.Option(
            "--requeue",
            help="On SIGTERM or SIGUSR1 stop at the next step or boundary; the same command goes on.",
        ),
    ] = False,
    requeue_status: Annotated[
        int,
        typer.Option(
            metavar="N", min=1, max=255, help="Exit status that asks for it to be queued."
        ),
    ] = STATUS,
) -> None:
    """Run a training script and record it; the script needs no change.

    Example: flor record train.py --lr 0.1
    """
    import secrets
    from datetime import datetime, timezone
    from pathlib import Path

    from florctl.cli.options import given_bytes, pairs
    from florctl.cli.present import present_settings
    from florctl.cli.views.summary import tell, tell_limited, tell_recorded
    from florctl.orchestrate.recording.record import RecordRequest
    from florctl.orchestrate.recording.record import record as record_run
    from florctl.orchestrate.recording.script import read_command

    settings = present_settings()
    cwd = Path.cwd()
    module, words = _module(words or [])
    token = secrets.token_hex(3)
    request = RecordRequest(
        command=read_command(words, module=module, cwd=cwd),
        cwd=cwd,
        settings=settings,
        name=name,
        tags=pairs(tag or [], "flor record --tag owner=me train.py"),
        budget_share=_share(budget, settings.budget_share),
        run_bytes=given_bytes(ckpt_max, "flor record --ckpt-max 20GB train.py"),
        loop=loop or settings.loop,
        save_version=version,
        requeue=requeue_status if requeue else None,
    )
    if requeue:
        went_on = _gone_on(request)
        if went_on is not None:
            raise typer.Exit(went_on)
    status = record_run(request, now=datetime.now(timezone.utc), token=token, tell=tell)
    tell_recorded(settings.home, token)
    tell_limited(settings.home, token, settings.home_bytes)
    raise typer.Exit(status)


def _gone_on(request: RecordRequest) -> int | None:
    """Let the run of this command that was asked to leave go on; None where there is none."""
    from florctl.cli.present import harvest_now
    from florctl.cli.resume import Code, go_on
    from florctl.cli.views.summary import tell, tell_fetching
    from florctl.orchestrate.recording.requeue import run_to_go_on
    from florctl.orchestrate.recording.resumption import prepare_resumption
    from florctl.orchestrate.recording.script import project_for
    from florlib.ground.errors import HomeNotWritable, NotResumable
    from florlib.ground.layout import RunLayout

    settings, command = request.settings, request.command
    try:
        harvest_now(settings.home)
        project = project_for(command, request.cwd)
        found = run_to_go_on(settings.home, project, command.words, request.cwd)
        if found is None:
            return None
        layout = RunLayout(settings.home / found.folder)
        made = prepare_resumption(layout, found.status, tell_fetching)
        return go_on(settings, found, made, Code.recorded)
    except HomeNotWritable:
        return None  # recording says so
    except NotResumable as error:
        tell(f"warning: {error.message}; a new run begins")
        return None


def _module(words: list[str]) -> tuple[str | None, list[str]]:
    """The module of `-m MODULE ARGS…`, and the other words.

    `-m` is no option of the parser, as for Python itself: what follows the module is its own.

    >>> _module(["-m", "pkg.fit", "--name", "x"]), _module(["fit.py", "-m"])
    (('pkg.fit', ['--name', 'x']), (None, ['fit.py', '-m']))
    """
    from florlib.ground.errors import UsageError

    if not words or not words[0].startswith("-m"):
        return None, words
    if words[0] != "-m":
        return words[0].removeprefix("-m"), words[1:]
    if len(words) == 1:
        raise UsageError("-m names no module", hint="flor record -m package.train")
    return words[1], words[2:]


def _share(given: str | None, default: float) -> float:
    from florctl.orchestrate.settings import budget_share
    from florlib.ground.errors import UsageError

    if given is None:
        return default
    try:
        return budget_share(given)
    except ValueError as error:
        raise UsageError(f"{given!r}: {error}", hint="flor record --budget 2% train.py") from error
