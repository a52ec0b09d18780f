"""Ways out of the process are named while they are open; memory of C is put back where it lies."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import random
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest
import torch

from florlib.runtime.concurrent import under_way
from florlib.runtime.graph.channels import has_own_pipe
from florlib.runtime.project import Project
from tests.runtime.graphs import capture, put_back


def missed(value: object) -> list[str]:
    """Reasons why an object is not captured."""
    return [item.reason for item in capture({"value": value}).missing]


def test_an_open_socket_is_named_and_a_closed_one_is_not() -> None:
    near, far = socket.socketpair()
    with near, far:
        assert missed(near) == ["an open socket"]

    assert missed(near) == []


def test_a_process_that_is_talked_to_is_named_and_one_without_pipes_is_not() -> None:
    words = [sys.executable, "-c", "input()"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, text=True) as talking:
        assert missed(talking) == ["a process (Popen) that is talked to"]
        talking.communicate("\n")

    assert missed(talking) == []
    with subprocess.Popen([sys.executable, "-c", "pass"]) as silent:
        assert missed(silent) == []


def test_queues_and_pipes_of_multiprocessing_are_named() -> None:
    near, far = multiprocessing.Pipe()
    with near, far:
        assert missed(near) == ["an open Connection"]
    assert missed(multiprocessing.SimpleQueue()) == [
        "a SimpleQueue, whose content is in other processes"
    ]


def test_a_pipe_with_both_ends_here_may_hold_something() -> None:
    ends = os.pipe()

    assert has_own_pipe()

    for end in ends:
        os.close(end)


def test_files_whose_content_or_place_moves_are_named(tmp_path: Path) -> None:
    path = tmp_path / "lines.txt"
    path.write_text("a\nb\n")
    with tempfile.TemporaryFile("w+") as both, path.open() as lines, path.open() as fresh:
        next(lines)

        assert missed(both) == ["a file that is open for reading and writing"]
        assert missed(lines) == ["an open file whose place cannot be told"]
        assert missed(fresh) == []


def test_memory_of_c_comes_back_in_place() -> None:
    memory = (ctypes.c_float * 3)(1.0, 2.0, 3.0)
    live = {"seen": torch.frombuffer(memory, dtype=torch.float32), "memory": memory}
    captured = capture(live)
    memory[1] = 9.0

    put_back(captured, live)

    assert live["memory"] is memory
    assert live["seen"].tolist() == [1.0, 2.0, 3.0]


def test_pointers_are_named() -> None:
    assert len(missed(ctypes.pointer(ctypes.c_double(1.0)))) == 1


@pytest.mark.parametrize("waits", [False, True])
def test_a_thread_of_the_script_is_named_unless_it_waits_for_another(waits: bool) -> None:
    project, go = Project.at(str(Path(__file__).parents[2])), threading.Event()
    other = threading.Thread(target=go.wait)

    def work() -> None:
        other.join() if waits else go.wait()

    other.start()
    thread = threading.Thread(target=work)
    thread.start()
    try:
        found = [item for item in under_way(project) if item.name == "thread work"]
    finally:
        go.set()
        thread.join()

    assert [item.place for item in found] == (
        [] if waits else [("tests/runtime/test_graph_channels.py", work.__code__.co_firstlineno)]
    )


def test_the_generator_of_the_system_has_no_state_that_could_be_missed() -> None:
    assert missed(random.SystemRandom()) == []
