"""What the runtime costs the script's own thread: a turn of a loop, a log, a captured frame.

Each figure is the difference from plain Python beside it, in one process and interleaved; `A/A`
is the same plain loop measured against itself, so its spread is what the others cannot resolve.

    python benchmarks/runtime.py
"""

from __future__ import annotations

import argparse
import builtins
import gc
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import torch

import flor
from flor._active import NAME
from florlib.ground.launch import LaunchSpec
from florlib.runtime import states
from florlib.runtime.api import Runtime
from florlib.runtime.graph.known import Known
from florlib.runtime.project import Project
from florlib.runtime.recorder import Recorder
from florlib.runtime.session import Session
from florlib.runtime.sources import Sources

TURNS = 100_000  # of a loop, a measurement
QUESTIONS = 2_000  # turns that ask whether a checkpoint is due, which most do not
LOGS = 20_000
CAPTURES = 20


def begun(folder: Path) -> Session:
    """A session that records into a folder, and takes no checkpoint beyond the first."""
    (folder / "run").mkdir()
    project = Project.at(os.path.dirname(os.path.abspath(__file__)))
    spec = LaunchSpec("record", "r", str(folder / "run"), project.root, budget_share=0.0)
    sources = Sources(project)
    sources.explicit = True
    session = Recorder(spec, project, sources, {"script": __file__})
    session.begin()
    return session


def empty(items: Iterable[int]) -> float:
    """Seconds that going through the items takes."""
    started = time.perf_counter()
    for _ in items:
        pass
    return time.perf_counter() - started


def nested(runtime: Runtime) -> float:
    """Seconds of a nested loop of TURNS turns, without entering and leaving it."""
    seconds = 0.0
    for _ in runtime.explicit_loop(range(1), "epoch", None):
        loop = iter(runtime.explicit_loop(range(TURNS + 1), "step", None))
        next(loop)
        seconds = empty(loop)
    return seconds


def main_loop(runtime: Runtime) -> float:
    """Seconds of a main loop of TURNS turns that takes no checkpoint, without entering it."""
    loop = iter(runtime.explicit_loop(range(TURNS + 1), "epoch", None))
    next(loop)
    return empty(loop)


def questions(runtime: Runtime, session: Session) -> float:
    """Seconds of a main loop of QUESTIONS turns, each of which asks whether anything is due."""
    loop = iter(runtime.explicit_loop(range(QUESTIONS + 1), "epoch", None))
    next(loop)
    started = time.perf_counter()
    for _ in loop:
        session.nudge()
    return time.perf_counter() - started


def nudges(session: Session) -> float:
    """The same without the loop's part."""
    started = time.perf_counter()
    for _ in range(QUESTIONS):
        session.nudge()
    return time.perf_counter() - started


def logs(log: Callable[[str, Any], object]) -> float:
    """Seconds that LOGS logs of a float take."""
    started = time.perf_counter()
    for value in range(LOGS):
        log("loss", value * 0.5)
    return time.perf_counter() - started


def logs_in_a_loop(runtime: Runtime) -> float:
    """The same, inside of two loops."""
    seconds = 0.0
    for _ in runtime.explicit_loop(range(1), "epoch", None):
        for _ in runtime.explicit_loop(range(1), "step", None):
            seconds = logs(flor.log)
    return seconds


def captures() -> tuple[float, float]:
    """Seconds of a first capture of a small frame, and of CAPTURES more that build on it.

    The frame has eight layers, Adam and a list of 1,000.

    All variables of the frames around are captured too, so none of them holds a session.
    """
    project = Project.at(os.path.dirname(os.path.abspath(__file__)))
    net = torch.nn.Sequential(*(torch.nn.Linear(256, 256) for _ in range(8)))
    optimizer = torch.optim.Adam(net.parameters())
    net(torch.zeros(1, 256)).sum().backward()
    optimizer.step()
    history = [n * 0.5 for n in range(1000)]
    frame, known = sys._getframe(), Known()
    project.modules()  # which are the user's is found out once, by the first checkpoint
    started = time.perf_counter()
    states.capture(frame, project, known=known)
    first = time.perf_counter() - started
    started = time.perf_counter()
    for _ in range(CAPTURES):
        states.capture(frame, project, known=known)
    further = time.perf_counter() - started
    del history
    return first, further


def measure(rounds: int) -> dict[str, list[float]]:
    """Nanoseconds a piece, by what was measured; a value a round."""
    first, further = zip(*(captures() for _ in range(rounds)), strict=True)
    found: dict[str, list[float]] = {
        "a first capture of a small frame": [seconds * 1e9 for seconds in first],
        "a capture that builds on it": [seconds / CAPTURES * 1e9 for seconds in further],
    }

    def note(what: str, seconds: float, pieces: int) -> None:
        found.setdefault(what, []).append(seconds / pieces * 1e9)

    with tempfile.TemporaryDirectory() as folder:
        session = begun(Path(folder))
        runtime = Runtime(session)
        setattr(builtins, NAME, runtime)
        for _ in range(rounds):
            plain = empty(range(TURNS))
            note("A/A: a turn of a plain loop", empty(range(TURNS)) - plain, TURNS)
            note("a turn of a nested loop", nested(runtime) - plain, TURNS)
            note("a turn of a main loop", main_loop(runtime) - plain, TURNS)
            apart = nudges(session)
            note("a turn of it that asks", questions(runtime, session) - apart, QUESTIONS)
            bare = logs(lambda name, value: None)
            note("A/A: a call", logs(lambda name, value: None) - bare, LOGS)
            note("a log of a float", logs_in_a_loop(runtime) - bare, LOGS)
            session.flush()
            gc.collect()
        session.close()
    return found


def main() -> None:
    """Print the median and the spread of each figure."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    found = measure(rounds)
    print(f"Python {platform.python_version()}, torch {torch.__version__}, {os.cpu_count()} cores")
    print(f"{rounds} rounds, interleaved; microseconds beyond plain Python")
    print(f"{'':32} {'median':>10} {'lowest':>10} {'highest':>10}")
    for what, values in found.items():
        low, high = min(values) / 1e3, max(values) / 1e3
        print(f"{what:32} {statistics.median(values) / 1e3:10.3f} {low:10.3f} {high:10.3f}")


if __name__ == "__main__":
    main()
