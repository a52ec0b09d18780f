"""What one checkpoint costs the training beside it: flor, torch.save and DCP's async_save.

In each round each manner takes one checkpoint of the same state, then some steps are trained while
it is written, and its end is awaited; in random order, among two rounds of steps without any. The
recorder is the real one, in this process; its budget lets it take a checkpoint at each boundary.
The gradients are gone at each checkpoint, so that all manners have the same bytes to keep.

    python benchmarks/checkpoint.py                          about four minutes
    python benchmarks/checkpoint.py --only mlp --rounds 30
"""

from __future__ import annotations

import argparse
import builtins
import ctypes
import gc
import logging
import os
import random
import shutil
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from ratios import Interval, machine, means, quotients, table
from subjects import NEEDED_BYTES, SUBJECTS, Subject
from torch.distributed import checkpoint as dcp

from flor._active import NAME
from florlib.ground.launch import LaunchSpec
from florlib.runtime.api import Runtime
from florlib.runtime.project import Project
from florlib.runtime.recorder import Recorder
from florlib.runtime.sources import Sources

PROJECT = Path(__file__).resolve().parent / "scripts"
PLAIN, AGAIN, FLOR, SAVE, DCP, MEMCPY = (
    "plain",
    "A/A",
    "flor",
    "torch.save",
    "DCP async_save",
    "memcpy",
)
EVERY_BOUNDARY = 0.9
BEGUN_WITHIN_S = 2.0  # a file that is not begun until then was not taken
SKIPPED = -1
MOST_SKIPPED = 5  # in a row
WARM_UP = 3  # first copies, first imports, arenas that are faulted in

Wait = Callable[[], object]


class Flor:
    """The recorder, of which a boundary is asked when it is wanted.

    Args:
        folder: of the run.
        subject: whose state the boundary holds.
    """

    def __init__(self, folder: Path, subject: Subject) -> None:
        folder.mkdir()
        project = Project.at(str(PROJECT))
        spec = LaunchSpec("record", "r", str(folder), project.root, budget_share=EVERY_BOUNDARY)
        sources = Sources(project)
        sources.explicit = True
        self.session = Recorder(spec, project, sources, {"script": "turns.py"})
        self.session.begin()
        self._checkpoints = folder / "checkpoints"
        setattr(builtins, NAME, Runtime(self.session))
        sys.path.insert(0, str(PROJECT))
        from turns import turns

        self._turns: Iterator[Any] = turns(subject.net, subject.optimizer)
        self._first: str | None = None

    def _published(self) -> set[str]:
        return {name for name in os.listdir(self._checkpoints) if not name.startswith(".")}

    def take(self) -> Wait:
        """Pass a boundary; what is returned waits until its file is there, and tells its size."""
        next(self._turns)
        return self._wait

    def _wait(self) -> int:
        """The size of the file that is there beside the first; SKIPPED where none comes."""
        until = time.perf_counter() + BEGUN_WITHIN_S
        while not (found := self._published() - {self._first}):
            if time.perf_counter() > until and not any(self._checkpoints.glob(".*.tmp")):
                return SKIPPED
            time.sleep(0.002)
        (name,) = found
        size = (self._checkpoints / name).stat().st_size
        if self._first is None:
            self._first = name  # later ones refer to it
        else:
            (self._checkpoints / name).unlink()
        return size

    def close(self) -> None:
        """End the recording."""
        self.session.close()
        delattr(builtins, NAME)


@dataclass
class Copies:
    """Memory of the size of the tensors, which has been written to before."""

    tensors: list[torch.Tensor]
    buffers: list[Any] = field(init=False)

    def __post_init__(self) -> None:
        self.buffers = [ctypes.create_string_buffer(tensor.nbytes) for tensor in self.tensors]
        self.take()

    def take(self) -> Wait:
        """Copy all of them."""
        for tensor, buffer in zip(self.tensors, self.buffers, strict=True):
            ctypes.memmove(buffer, tensor.data_ptr(), tensor.nbytes)
        return lambda: None


def save(subject: Subject, folder: Path) -> Wait:
    """torch.save, as scripts call it; what is returned tells its size."""
    path = folder / "saved.pt"
    torch.save(subject.state(), path)
    return lambda: path.stat().st_size


def dcp_save(subject: Subject, folder: Path) -> Wait:
    """torch.distributed.checkpoint.async_save, in one process."""
    path = folder / "dcp"
    shutil.rmtree(path, ignore_errors=True)
    saving: Any = dcp.async_save(subject.state(), checkpoint_id=path, no_dist=True)
    return lambda: saving.result() and None


@dataclass
class Taken:
    """One checkpoint, and the steps beside it.

    Attributes:
        stall_s, stall_cpu_s: of the loop; CPU of all threads.
        cpu_s: of this process from the checkpoint's begin to its end, steps included.
        wall_s: of the checkpoint and the steps.
        worst_s: of one step.
        bytes: on the disk; 0 where nothing is.
    """

    stall_s: float
    stall_cpu_s: float
    cpu_s: float
    wall_s: float
    worst_s: float
    bytes: int


def timed(subject: Subject, take: Callable[[], Wait]) -> Taken:
    """Take a checkpoint, train beside it, and wait for its end."""
    gc.collect()
    started, cpu = time.perf_counter(), time.process_time()
    wait = take()
    stall_s, stall_cpu_s = time.perf_counter() - started, time.process_time() - cpu
    worst_s = 0.0
    for _ in range(subject.steps):
        before = time.perf_counter()
        subject.step()
        worst_s = max(worst_s, time.perf_counter() - before)
    wall_s = time.perf_counter() - started
    size = wait()
    cpu_s = time.process_time() - cpu
    return Taken(stall_s, stall_cpu_s, cpu_s, wall_s, worst_s, size if isinstance(size, int) else 0)


def taken(subject: Subject, take: Callable[[], Wait]) -> Taken:
    """The same, again where none was taken: no memory was ready for it."""
    for _ in range(MOST_SKIPPED):
        found = timed(subject, take)
        if found.bytes != SKIPPED:
            return found
    raise SystemExit(f"{MOST_SKIPPED} boundaries were passed without a checkpoint")


@contextmanager
def manners(subject: Subject, folder: Path) -> Iterator[Mapping[str, Callable[[], Wait]]]:
    """The ways to take a checkpoint of a subject, warmed up."""
    flor = Flor(folder / "run", subject)
    copies = Copies(subject.tensors())
    found: dict[str, Callable[[], Wait]] = {
        PLAIN: lambda: lambda: None,
        AGAIN: lambda: lambda: None,
        FLOR: flor.take,
        SAVE: lambda: save(subject, folder),
        DCP: lambda: dcp_save(subject, folder),
        MEMCPY: copies.take,
    }
    for take in found.values():
        for _ in range(WARM_UP):
            taken(subject, take)
    yield found
    flor.close()


def measure(subject: Subject, rounds: int, folder: Path) -> dict[str, list[Taken]]:
    """By manner, a checkpoint for each round."""
    with manners(subject, folder) as found:
        rounds_of: dict[str, list[Taken]] = {name: [] for name in found}
        for number in range(rounds):
            order = list(found)
            random.Random(number).shuffle(order)
            for name in order:
                rounds_of[name].append(taken(subject, found[name]))
                _settle(folder)
    return rounds_of


def _settle(folder: Path) -> None:
    """Have what was written on the disk before the next is timed."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())


def rows(measured: Mapping[str, list[Taken]]) -> list[tuple[str, list[float], str]]:
    """(what, ratios round by round, what is to be reached)."""

    def of(name: str, attribute: str) -> list[float]:
        return [getattr(one, attribute) for one in measured[name]]

    def added(name: str) -> list[float]:
        both = means(of(PLAIN, "cpu_s"), of(AGAIN, "cpu_s"))
        return [one - other for one, other in zip(of(name, "cpu_s"), both, strict=True)]

    def against(name: str, attribute: str) -> list[float]:
        return quotients(of(FLOR, attribute), of(name, attribute))

    worst = means(of(PLAIN, "worst_s"), of(AGAIN, "worst_s"))
    walls = means(of(PLAIN, "wall_s"), of(AGAIN, "wall_s"))
    saved_cpu = statistics.median(added(SAVE))
    return [
        (
            "A/A: steps without a checkpoint",
            quotients(of(AGAIN, "wall_s"), of(PLAIN, "wall_s")),
            "",
        ),
        ("stall / torch.save", against(SAVE, "stall_s"), "<= 0.12"),
        ("stall / DCP async_save", against(DCP, "stall_s"), "<= 0.20"),
        ("stall / memcpy of the same bytes", against(MEMCPY, "stall_s"), "<= 1.35"),
        ("its CPU / memcpy's, all threads", against(MEMCPY, "stall_cpu_s"), ""),
        ("CPU / torch.save", [one / saved_cpu for one in added(FLOR)], "<= 0.35"),
        ("CPU / DCP async_save", [one / statistics.median(added(DCP)) for one in added(FLOR)], ""),
        ("worst step / plain worst step", quotients(of(FLOR, "worst_s"), worst), "<= 1.10"),
        ("worst step beside DCP / plain worst step", quotients(of(DCP, "worst_s"), worst), ""),
        ("checkpoint and steps / steps", quotients(of(FLOR, "wall_s"), walls), ""),
        ("size / torch.save", against(SAVE, "bytes"), "<= 0.15 where 90 % is frozen"),
    ]


def medians(measured: Mapping[str, list[Taken]]) -> str:
    """Milliseconds and megabytes behind the ratios."""
    plain_s = statistics.median(one.cpu_s for one in measured[PLAIN] + measured[AGAIN])
    told = []
    for name in (FLOR, SAVE, DCP, MEMCPY):
        stall = statistics.median(one.stall_s for one in measured[name]) * 1e3
        cpu = (statistics.median(one.cpu_s for one in measured[name]) - plain_s) * 1e3
        told.append(f"{name}: stall {stall:.1f} ms, CPU {cpu:.0f} ms")
    return "; ".join(told)


def room(name: str) -> bool:
    """Whether there is memory enough for the state, its copies and what torch.save makes."""
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return free >= NEEDED_BYTES.get(name, 0)


def main() -> None:
    """Measure, and print a table for each subject."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", default=",".join(SUBJECTS), help="subjects, separated by commas")
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--threads", type=int, help="of torch, by default its own choice")
    parser.add_argument("--folder", help="on the disk to be written to, by default a temporary one")
    parser.add_argument("--markdown", action="store_true", help="tables for results.md")
    asked = parser.parse_args()
    if asked.threads:
        torch.set_num_threads(asked.threads)
    warnings.filterwarnings("ignore", module="torch")
    logging.disable(logging.WARNING)
    print(f"{machine()}; {asked.rounds} rounds")
    for name in asked.only.split(","):
        if not room(name):
            print(f"\n{name}: left out, there is too little memory")
            continue
        torch.manual_seed(0)
        subject = SUBJECTS[name]()
        size = sum(tensor.nbytes for tensor in subject.tensors())
        with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
            measured = measure(subject, asked.rounds, Path(folder))
        told = [(what, str(Interval.of(found)), bar) for what, found, bar in rows(measured)]
        print(f"\n{name}, {size / 1e6:.0f} MB, {subject.steps} steps beside each checkpoint\n")
        print(table(["ratio", "median (95 %)", "to reach"], told, markdown=asked.markdown))
        print(f"\n{medians(measured)}", flush=True)
        del subject


if __name__ == "__main__":
    main()
