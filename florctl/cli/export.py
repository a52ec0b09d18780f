"""`flor export`: values on their way to other programs."""

from __future__ import annotations

from enum import Enum
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from florctl.cli.options import JsonOption
from florctl.cli.present import harvest_now, present_settings

if TYPE_CHECKING:
    from florctl.orchestrate.export.flow import Export


class Target(str, Enum):
    """Where values can go."""

    csv = "csv"
    jsonl = "jsonl"
    parquet = "parquet"
    tensorboard = "tensorboard"
    mlflow = "mlflow"


def export(
    to: Annotated[Target, typer.Option("--to", help="The form of what is written.")],
    runs: Annotated[
        list[str] | None,
        typer.Argument(metavar="[RUN]...", help="As for flor log show; by default the newest."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="PATH",
            help="A file; for tensorboard and mlflow a folder. By default standard output, "
            "flor.parquet, tensorboard, mlruns.",
        ),
    ] = None,
    names: Annotated[
        str | None,
        typer.Option(
            "--names", metavar="NAME,…", help="What to export; without it all but printed lines."
        ),
    ] = None,
    wide: Annotated[
        bool, typer.Option("--wide", help="A row a position and a column a name (tables).")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace what is there.")] = False,
    json: JsonOption = False,
) -> None:
    """Write logged values for other programs: tables, TensorBoard, MLflow.

    Tables have a column `mark`: a value that is diverged or unverified is no fact.
    TensorBoard and MLflow have no such mark, and get no such value.

    Example: flor export @ --to csv --out values.csv
    """
    import io
    import sys

    from florctl.orchestrate.answers.lookup import find_run
    from florctl.orchestrate.export.flow import TEXTS, Request, export_runs
    from florlib.ground.errors import UsageError

    if json and out is None and to.value in TEXTS:
        hint = f"flor export --to {to.value} --out values.{to.value} --json"
        raise UsageError("--json tells what was written, and needs an --out", hint=hint)
    settings = present_settings()
    harvest_now(settings.home)
    rows = [find_run(word, settings.home, settings.project) for word in runs or ["@"]]
    wanted = None if names is None else [name for name in names.split(",") if name]
    request = Request(to.value, out, wanted, wide=wide, force=force)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    distinct = list({row.run: row for row in rows}.values())
    done = export_runs(request, distinct, settings.home, sys.stdout)
    if json:
        typer.echo(dumps(done.to_json(), indent=2))
    _tell(done)


def _tell(done: Export) -> None:
    from florctl.cli.views.summary import counted, tell

    if done.out is not None:
        what = f"{counted(done.values, 'value')} of {counted(done.runs, 'run')}"
        tell(f"flor: wrote {what} to {done.out}")
    if done.marked:
        kept = done.to not in ("tensorboard", "mlflow")
        how = "are marked" if kept else "are left out"
        tell(f"warning: {done.marked} of them {how}: their replays are diverged or unverified")
    if done.printed:
        tell("flor: printed lines are left out\nhint: add --names print,stderr to have them")
    if done.to == "mlflow":
        tell(f"hint: MLFLOW_ALLOW_FILE_STORE=true mlflow ui --backend-store-uri {done.out}")
    if done.to == "tensorboard":
        tell(f"hint: tensorboard --logdir {done.out}")
