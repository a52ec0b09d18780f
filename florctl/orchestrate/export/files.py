"""Tables into files: CSV, JSON lines, Parquet; each appears whole, and none over another."""

from __future__ import annotations

import csv
import json
import math
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import IO, Any

from florctl.orchestrate.export.chosen import OutputExists
from florctl.orchestrate.export.tables import ExportTable, Kinds
from florlib.ground.cells import bytes_text, field_text
from florlib.ground.errors import FlorError, UsageError
from florlib.ground.values import encode_value, plain_json
from florlib.stores.atomic import renamed
from florlib.stores.catalog.interned import storable

BATCH_ROWS = 50_000
"""Rows of a Parquet row group; a few megabytes of memory."""


class OutputNotWritable(FlorError):
    """Where the export is to go, nothing can be written."""

    code, exit_status = "output-not-writable", 1


def write_csv(table: ExportTable, file: IO[str]) -> None:
    """A line of titles, and a line a row."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(table.columns)
    writer.writerows([_text_cell(cell) for cell in row] for row in table.rows())


def write_json_lines(table: ExportTable, file: IO[str]) -> None:
    """An object a line; what has no value is null."""
    for row in table.rows():
        content = dict(zip(table.columns, map(_named, row), strict=True))
        file.write(json.dumps(content, default=bytes_text) + "\n")


def write_parquet(table: ExportTable, path: Path) -> None:
    """Columns with types; those that hold values of several are texts, each as JSON has it."""
    import pyarrow
    from pyarrow import parquet

    types = {title: _arrow_type(table.kinds[title]) for title in table.columns}
    schema = pyarrow.schema(list(types.items()))
    rows = table.rows()
    with parquet.ParquetWriter(path, schema) as writer:
        while batch := list(islice(rows, BATCH_ROWS)):
            arrays = [
                pyarrow.array(_arrow_cells(column, table.kinds[title]), types[title])
                for title, column in zip(table.columns, zip(*batch, strict=True), strict=True)
            ]
            writer.write_batch(pyarrow.record_batch(arrays, schema=schema))


def needs_pyarrow() -> None:
    """See that Parquet can be written.

    Raises:
        UsageError: pyarrow is not installed.
    """
    from importlib.util import find_spec

    if find_spec("pyarrow") is None:
        hint = "pip install 'florctl[parquet]'"
        raise UsageError("Parquet needs pyarrow, which is not installed", hint=hint)


@contextmanager
def new_file(path: Path, *, force: bool) -> Iterator[Path]:
    """A path to write to, which becomes the file when the block ends, and nothing if it raises.

    Raises:
        OutputExists: there is something, and no force.
        OutputNotWritable: the folder is not there, or cannot be written.
    """
    if path.is_dir():
        raise OutputExists(f"{path} is a folder", hint="name a file behind --out")
    if os.path.lexists(path) and not force:
        raise OutputExists(f"{path} is there already", hint="add --force to replace it")
    try:
        with renamed(path) as temporary:
            yield temporary
            with temporary.open("rb") as written:
                os.fsync(written.fileno())
    except OSError as error:
        raise not_writable(path, error) from error


def not_writable(path: Path, error: OSError) -> OutputNotWritable:
    """That something cannot be written, with the reason."""
    return OutputNotWritable(
        f"{path} cannot be written ({error.strerror or error})",
        hint="name a place that can be, behind --out",
    )


def _arrow_type(kinds: Kinds) -> Any:
    import pyarrow

    if kinds.large or not kinds.met:
        return pyarrow.string()
    if kinds.met == {bool}:
        return pyarrow.bool_()
    if kinds.met == {int}:
        return pyarrow.int64()
    return pyarrow.float64() if kinds.met <= {int, float} else pyarrow.string()


def _arrow_cells(cells: Sequence[Any], kinds: Kinds) -> Sequence[Any]:
    """Cells as their column wants them: where it holds more than texts or numbers, all are JSON."""
    if kinds.met == {str}:
        return [storable(cell) for cell in cells]
    if kinds.met == {bool} or (kinds.met <= {int, float} and not kinds.large):
        return cells
    return [
        None if cell is None else json.dumps(_named(cell), default=bytes_text) for cell in cells
    ]


def _text_cell(cell: Any) -> str:
    return field_text(_named(cell))


def _named(cell: Any) -> Any:
    """A cell for text formats: floats that JSON cannot hold go by their names."""
    if isinstance(cell, float) and not math.isfinite(cell):
        return plain_json(encode_value(cell))
    return cell
