"""An export from its words to what was written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from florctl.orchestrate.export import files
from florctl.orchestrate.export.chosen import Chosen, choose
from florctl.orchestrate.export.mlflow import write_mlflow
from florctl.orchestrate.export.tables import ExportTable, Tally, long_table, wide_table
from florctl.orchestrate.export.tensorboard import write_tensorboard
from florlib.ground.errors import UsageError
from florlib.stores.catalog.rows import RunRow

TEXTS: dict[str, Callable[[ExportTable, IO[str]], None]] = {
    "csv": files.write_csv,
    "jsonl": files.write_json_lines,
}
PLACES = {"parquet": "flor.parquet", "tensorboard": "tensorboard", "mlflow": "mlruns"}
"""Where an export goes that was not told to."""


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked for.

    Attributes:
        to: csv, jsonl, parquet, tensorboard or mlflow.
        out: where to; None for the usual place, which is standard output for texts.
        names: of values; None for all but printed lines.
        wide: a row a position.
        force: replace what is there.
    """

    to: str
    out: Path | None
    names: Sequence[str] | None
    wide: bool
    force: bool


@dataclass(frozen=True, slots=True)
class Export:
    """What came of it.

    Attributes:
        out: None for standard output.
        values: that were written.
        marked: that are diverged or unverified: marked in tables, elsewhere left out.
        printed: whether printed lines were left out.
    """

    to: str
    out: str | None
    runs: int
    values: int
    marked: int
    printed: bool

    def to_json(self) -> dict[str, Any]:
        """As `--json` has it."""
        return asdict(self)


def export_runs(request: Request, rows: Sequence[RunRow], home: Path, stdout: IO[str]) -> Export:
    """Write the values of runs.

    Raises:
        NameNotFound: there is nothing of the kind.
        OutputExists, OutputNotWritable: of where it is to go.
        UsageError: the words do not fit together, or a package is not installed.
    """
    if request.wide and request.to in ("tensorboard", "mlflow"):
        hint = f"flor export {rows[0].run} --to csv --wide"
        raise UsageError(f"--wide is for tables, and {request.to} takes none", hint=hint)
    place = PLACES.get(request.to)
    out = request.out if request.out is not None or place is None else Path(place)
    tally = Tally()
    with choose(rows, request.names, home) as chosen:
        if request.to == "tensorboard" and out is not None:
            write_tensorboard(chosen, out, tally, force=request.force)
        elif request.to == "mlflow" and out is not None:
            write_mlflow(chosen, out, tally, force=request.force)
        else:
            _write_table(request, out, chosen, tally, stdout)
        printed = chosen.printed()
    place = None if out is None else str(out)
    return Export(request.to, place, tally.runs, tally.values, tally.marked, printed)


def _write_table(
    request: Request, out: Path | None, chosen: Chosen, tally: Tally, stdout: IO[str]
) -> None:
    make = wide_table if request.wide else long_table
    if request.to == "parquet" and out is not None:
        files.needs_pyarrow()
        with files.new_file(out, force=request.force) as path:
            files.write_parquet(make(chosen, tally), path)
        return
    write = TEXTS[request.to]
    if out is None:
        write(make(chosen, tally), stdout)
        return
    with files.new_file(out, force=request.force) as path:
        with path.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
            write(make(chosen, tally), file)
