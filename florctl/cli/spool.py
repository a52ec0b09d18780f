"""`flor spool`: runs kept in a bucket or on another disk, and fetched from there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from florctl.cli.options import CsvOption, JsonOption, PlainOption
from florctl.cli.present import Format, chosen_format, harvest_now, present_settings

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from florctl.orchestrate.keeping.spooling import Sent
    from florctl.orchestrate.settings import Settings
    from florlib.stores.catalog.rows import RunRow

spool_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

_AGE = re.compile(r"(\d+)([hdw])")
_HOURS = {"h": 1, "d": 24, "w": 24 * 7}
_EXAMPLE = "flor spool s3 s3://bucket/prefix"

RunsArgument = Annotated[
    list[str] | None,
    typer.Argument(metavar="[RUN]...", help="Which runs, as for flor log show; without one, all."),
]
OlderOption = Annotated[
    str | None,
    typer.Option(
        "--older-than", metavar="AGE", help="Only runs begun before, such as 7d, 12h, 2w."
    ),
]
KeepOption = Annotated[
    str,
    typer.Option(
        "--keep-local",
        metavar="all|last:N|none",
        help="Checkpoints of each process that stay here; pinned ones always do.",
    ),
]
CompressOption = Annotated[
    bool, typer.Option("--compress/--no-compress", help="Send tensors shorter, without loss.")
]
DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Only say what would be sent, and what would go here.")
]
EndpointOption = Annotated[
    str | None,
    typer.Option("--endpoint-url", metavar="URL", help="Of a service that speaks S3."),
]


@spool_app.callback()
def _spool() -> None:
    """Keep runs in a bucket or on another disk, and fetch them from there."""


@spool_app.command("s3")
def s3(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[URL] [RUN]...",
            help="s3://BUCKET/PREFIX, gs:// or az://; by default the setting `spool`. "
            "Then which runs; without one, all.",
        ),
    ] = None,
    older_than: OlderOption = None,
    keep_local: KeepOption = "all",
    endpoint_url: EndpointOption = None,
    compress: CompressOption = True,
    dry_run: DryRunOption = False,
    json: JsonOption = False,
    csv: CsvOption = False,
    plain: PlainOption = False,
) -> None:
    """Send runs to a bucket: journals, replays, checkpoints and code.

    What is there is not sent again, so the same command goes on after an interruption.
    Checkpoints that --keep-local does not keep go here once the bucket was read back,
    and come back by themselves when something needs them.

    Example: flor spool s3 s3://bucket/prefix --older-than 7d --keep-local last:1
    """
    from florlib.ground.errors import UsageError
    from florlib.stores.spool.bucket import is_bucket

    form = chosen_format(json, csv, plain)
    settings = present_settings()
    given = list(words or [])
    place = given.pop(0) if given and "://" in given[0] else settings.spool
    if place is None or not is_bucket(place):
        what = "no bucket was named" if place is None else f"{place!r} is no URL of a bucket"
        raise UsageError(what, hint=_EXAMPLE)
    _send(place, endpoint_url, given, settings, older_than, keep_local, compress, dry_run, form)


@spool_app.command("dir")
def folder(
    path: Annotated[str, typer.Argument(metavar="PATH", help="A folder of a mounted disk.")],
    runs: RunsArgument = None,
    older_than: OlderOption = None,
    keep_local: KeepOption = "all",
    compress: CompressOption = True,
    dry_run: DryRunOption = False,
    json: JsonOption = False,
    csv: CsvOption = False,
    plain: PlainOption = False,
) -> None:
    """Send runs to a folder, such as a mounted disk; all else as with a bucket.

    Example: flor spool dir /mnt/runs --keep-local last:1
    """
    from florlib.ground.errors import UsageError

    form = chosen_format(json, csv, plain)
    if "://" in path:
        raise UsageError(f"{path} is no folder", hint=f"flor spool s3 {path}")
    settings = present_settings()
    _send(path, None, runs or [], settings, older_than, keep_local, compress, dry_run, form)


@spool_app.command("status")
def status(
    runs: RunsArgument = None,
    json: JsonOption = False,
    csv: CsvOption = False,
    plain: PlainOption = False,
) -> None:
    """Show what lies where, and what that saves here; no spool is asked.

    Example: flor spool status
    """
    from florctl.cli.views.render import show
    from florctl.cli.views.spool import status_lines, status_table
    from florctl.cli.views.summary import tell
    from florctl.orchestrate.keeping.spool_status import spooled_run

    form = chosen_format(json, csv, plain)
    settings = present_settings()
    harvest_now(settings.home)
    found = [spooled_run(settings.home, run) for run in _chosen(runs, settings)]
    show(status_table(found), form)
    for line in status_lines(found):
        tell(line)


@spool_app.command("fetch")
def fetch(
    runs: Annotated[
        list[str] | None,
        typer.Argument(metavar="[RUN]...", help="Which runs; with --from and without one, all."),
    ] = None,
    place: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="URL|PATH", help="The spool; else where a run of this machine lies."
        ),
    ] = None,
    endpoint_url: EndpointOption = None,
    trust: Annotated[
        bool,
        typer.Option("--trust", help="Let replays load pickled objects of their checkpoints."),
    ] = False,
    into: Annotated[
        Path | None,
        typer.Option(
            "--into", metavar="DIR", help="Where code is laid out of which no project is here."
        ),
    ] = None,
    listed: Annotated[
        bool, typer.Option("--list", help="Only list the runs that the spool has.")
    ] = False,
    json: JsonOption = False,
    csv: CsvOption = False,
    plain: PlainOption = False,
) -> None:
    """Bring runs of other machines here, or all checkpoints of a run that is here.

    A run from elsewhere can be listed and replayed at once; its checkpoints come when
    they are needed. A replay executes its code and its command, so fetch from places
    whose code you would run; pickled objects are loaded only with --trust.

    Example: flor spool fetch linear@3 --from s3://bucket/prefix
    """
    from florlib.ground.errors import RunNotFound, UsageError

    form = chosen_format(json, csv, plain)
    settings = present_settings()
    harvest_now(settings.home)
    if place is None and runs and not listed:
        try:
            _bring_back(_chosen(runs, settings), settings, form, trust=trust)
            return
        except RunNotFound as error:
            error.hint = f"flor spool fetch {runs[0]} --from s3://bucket/prefix"
            if settings.spool is None:
                raise
    place = place or settings.spool
    if place is None:
        raise UsageError("no spool was named", hint="flor spool fetch --from s3://bucket/prefix")
    _fetch(place, endpoint_url, runs or [], settings, form, trust=trust, into=into, listed=listed)


def _fetch(
    place: str,
    endpoint_url: str | None,
    runs: list[str],
    settings: Settings,
    form: Format,
    *,
    trust: bool,
    into: Path | None,
    listed: bool,
) -> None:
    from datetime import datetime, timezone

    from florctl.cli.views.render import show
    from florctl.cli.views.spool import fetched_lines, fetched_table, listed_table
    from florctl.cli.views.summary import tell
    from florctl.orchestrate.answers.lookup import find_run
    from florctl.orchestrate.keeping.fetching import FetchRequest, choose, fetch_runs, read_all
    from florlib.ground.errors import FlorError
    from florlib.stores.spool import open_target

    target = open_target(place, endpoint_url)
    chosen = choose(target, runs)
    if listed:
        show(listed_table(read_all(target, chosen)), form)
        return
    now, where = datetime.now(timezone.utc), Path.cwd() if into is None else into.absolute()
    request = FetchRequest(settings.home, target, settings.project, where, trust, now=now)
    try:
        found = fetch_runs(request, chosen)
    except OSError as error:
        raise FlorError(
            f"{error.filename or settings.home} cannot be written ({error.strerror})",
            hint="flor doctor",
        ) from error
    harvest_now(settings.home)
    pairs = [(find_run(one.layout.run, settings.home, None), one) for one in found]
    show(fetched_table(pairs, target.url), form)
    for line in fetched_lines(pairs, target.url):
        tell(line)
    if any(one.problems for one in found):
        raise typer.Exit(7)


def _bring_back(runs: list[RunRow], settings: Settings, form: Format, *, trust: bool) -> None:
    """Have all checkpoints of runs here again."""
    from florctl.cli.views.render import show
    from florctl.cli.views.spool import label, status_table
    from florctl.cli.views.summary import tell, tell_fetching
    from florctl.orchestrate.keeping.bringing import bring_back
    from florctl.orchestrate.keeping.fetching import trust as trust_run
    from florctl.orchestrate.keeping.spool_status import spooled_run
    from florlib.ground.layout import RunLayout

    problems = []
    for run in runs:
        layout = RunLayout(settings.home / run.folder)
        if trust:
            trust_run(layout)
        absent = spooled_run(settings.home, run).absent
        lost = bring_back(layout, absent, tell_fetching)
        problems += [f"{label(run)}: {text}" for text in lost]
        if not absent:
            tell(f"flor: all of {label(run)} that was not dropped for good is here")
    show(status_table([spooled_run(settings.home, run) for run in runs]), form)
    for text in problems:
        tell(f"warning: {text}")
    if problems:
        raise typer.Exit(7)


def _send(
    place: str,
    endpoint_url: str | None,
    runs: list[str],
    settings: Settings,
    older_than: str | None,
    keep_local: str,
    compress: bool,
    dry_run: bool,
    form: Format,
) -> None:
    from datetime import datetime, timezone

    from florctl.cli.views.render import show
    from florctl.cli.views.spool import sent_lines, sent_table
    from florctl.cli.views.summary import tell
    from florctl.orchestrate.keeping.spooling import SpoolRequest, spool
    from florlib.ground.errors import FlorError
    from florlib.stores.spool import open_target
    from florlib.stores.spool.planes import can_code

    now = datetime.now(timezone.utc)
    age, kept = _age(older_than), _kept(keep_local)
    harvest_now(settings.home)
    target = open_target(place, endpoint_url)
    request = SpoolRequest(
        settings.home, target, kept, compress and can_code(), pretend=dry_run, now=now
    )
    chosen = [run for run in _chosen(runs, settings) if age is None or _is_older(run, now - age)]
    try:
        found = spool(request, chosen, _tell_of if len(chosen) > 1 else lambda sent: None)
    except OSError as error:
        raise FlorError(
            f"{error.filename or settings.home} cannot be used ({error.strerror})",
            hint="flor doctor",
        ) from error
    show(sent_table(found, target.url, pretend=dry_run), form)
    for line in sent_lines(found, target.url, pretend=dry_run):
        tell(line)
    if any(one.problems for one in found.sent) or (runs and found.left_alone):
        raise typer.Exit(7)


def _tell_of(sent: Sent) -> None:
    """Say that a run of many is done."""
    from florctl.cli.views.spool import label
    from florctl.cli.views.summary import tell
    from florctl.cli.views.texts import size

    tell(f"flor: {label(sent.run)}: {size(sent.traffic.sent_bytes)}")


def _chosen(selectors: list[str] | None, settings: Settings) -> list[RunRow]:
    from florctl.orchestrate.answers.lookup import find_runs

    return find_runs(selectors or [], settings.home, settings.project)


def _is_older(run: RunRow, moment: datetime) -> bool:
    from datetime import datetime

    return datetime.fromisoformat(run.started) < moment


def _age(text: str | None) -> timedelta | None:
    from datetime import timedelta

    from florlib.ground.errors import UsageError

    if text is None:
        return None
    found = _AGE.fullmatch(text.strip())
    if found is None:
        raise UsageError(f"{text!r} is no age", hint=f"{_EXAMPLE} --older-than 7d")
    return timedelta(hours=int(found[1]) * _HOURS[found[2]])


def _kept(text: str) -> int | None:
    """How many of the last checkpoints stay; None for all."""
    from florlib.ground.errors import UsageError

    word, colon, number = text.strip().partition(":")
    if word in ("all", "none") and not colon:
        return None if word == "all" else 0
    if word == "last" and number.isdecimal():
        return int(number)
    raise UsageError(f"{text!r} says not what stays", hint=f"{_EXAMPLE} --keep-local last:1")
