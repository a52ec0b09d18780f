"""Functions that run in other processes are found by who is handed to whom."""

from __future__ import annotations

import ast

import pytest

from florlib.source.elsewhere import Elsewhere, elsewhere

SCRIPT = """\
import multiprocessing, torch
import torch.multiprocessing as mp
from concurrent.futures import ProcessPoolExecutor
from torch.utils.data import DataLoader
def step(net):
    net.loss().backward()
def train(rank, net):
    step(net)
class Points:
    def __getitem__(self, n):
        return self.load(n)
    def load(self, n):
        return n
def stack(points):
    return points
{start}
"""


def found(start: str) -> Elsewhere:
    return elsewhere({"a.py": ast.parse(SCRIPT.format(start=start))})


@pytest.mark.parametrize(
    "start",
    [
        "mp.spawn(train, args=(net,), nprocs=2)",
        "mp.Process(target=train, args=(0, net)).start()",
        "multiprocessing.get_context('spawn').Process(target=train)",
        "pool.map(train, range(3))",
        "executor.submit(train, 0, net)",
    ],
)
def test_a_function_that_trains_in_a_child_is_named(start: str) -> None:
    everything = found(start)

    assert everything.training == [("a.py", 16, "train")]
    assert everything.started == {("a.py", "train"), ("a.py", "step")}


def test_workers_of_a_loader_run_the_dataset_and_what_the_loader_is_given() -> None:
    everything = found("DataLoader(points, num_workers=4, collate_fn=stack)")

    assert everything.loaded == {
        ("a.py", "Points.__getitem__"),
        ("a.py", "Points.load"),
        ("a.py", "stack"),
    }
    assert everything.training == []


@pytest.mark.parametrize("loader", ["DataLoader(points)", "DataLoader(points, num_workers=0)"])
def test_a_loader_without_workers_runs_nothing_elsewhere(loader: str) -> None:
    assert found(loader).loaded == set()


def test_threads_are_no_other_process() -> None:
    assert found("threading.Thread(target=train).start()").started == set()
