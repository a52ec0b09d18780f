"""Whether the files that a run read are still what they were."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from xxhash import xxh3_128_hexdigest

from florlib.ground.recorded import Input, RecordedProcess
from florlib.ground.stamp import stamp

TOLD = 5  # of many files, so many by name


def changed_inputs(processes: Iterable[RecordedProcess], where: Callable[[str], Path]) -> list[str]:
    """One line for each input of a run that is not what it was, as far as that can be told.

    Args:
        processes: of the run.
        where: a file of the project lies, that a replay will read.
    """
    inputs = {
        path: one
        for process in processes
        for path, one in process.inputs.items()
        if path not in process.written_files
    }
    told = list(_changes(where, inputs.items()))
    more = len(told) - TOLD
    return told if more <= 0 else [*told[:TOLD], f"{more} more files have changed since"]


def _changes(where: Callable[[str], Path], inputs: Iterable[tuple[str, Input]]) -> Iterator[str]:
    for path, then in sorted(inputs):
        now = stamp(where(path))
        if now is None:
            yield f"{path}, which the run read, is gone"
        elif now[0] != then.size:
            yield f"{path} has changed since the run read it: {then.size} bytes then, {now[0]} now"
        elif now[1] != then.changed_ns and _digest(where(path), then) != then.digest:
            yield f"{path} has changed since the run read it"


def _digest(path: Path, then: Input) -> str | None:
    """Of a file whose digest is known; of others it cannot be told whether they only look changed."""
    with suppress(OSError):
        return str(xxh3_128_hexdigest(path.read_bytes())) if then.digest else ""
    return ""
