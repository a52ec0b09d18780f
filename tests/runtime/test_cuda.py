"""Checkpoints and logged values of what lies on a CUDA device; needs one."""

from __future__ import annotations

import ctypes
from pathlib import Path

import pytest
import torch

from florlib.ground.values import Lost
from florlib.runtime.cuda import Cuda
from florlib.runtime.devices import Copies, TornSnapshot
from florlib.runtime.graph.memory import Remote
from florlib.runtime.histograms import Sample, copied
from florlib.runtime.logbook import freeze, plain
from tests.exactness.harness import DENSE, Project, report_of

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")

SIZE = 4096

SCRIPT = """\
import torch
import flor

torch.manual_seed(0)
net = torch.nn.Sequential(
    torch.nn.Linear(64, 64), torch.nn.BatchNorm1d(64), torch.nn.Dropout(0.2), torch.nn.Linear(64, 1)
).cuda()
optimizer = torch.optim.AdamW(net.parameters(), lr=0.01)
x = torch.randn(64, 64, device="cuda")
for epoch in flor.loop(range(5), name="epoch"):
    for rows in flor.loop(torch.randperm(64).split(16), name="rows"):
        optimizer.zero_grad()
        loss = (net(x[rows.cuda()]) - 1).pow(2).mean()
        loss.backward()
        optimizer.step()
        # PROBE
    print(epoch, loss.item())
"""


def remote(tensor: torch.Tensor) -> Remote:
    raw = torch.empty(0, dtype=torch.uint8, device=tensor.device)
    return Remote(raw.set_(tensor.untyped_storage()))


def bytes_of(tensor: torch.Tensor) -> bytes:
    return tensor.detach().cpu().numpy().tobytes()


@pytest.mark.parametrize("pinned", [True, False])
def test_training_goes_on_while_its_state_is_copied(pinned: bool) -> None:
    copies = Copies(Cuda, lambda: True)
    weight = torch.nn.Parameter(torch.randn(SIZE, SIZE, device="cuda"))
    running = torch.zeros(SIZE, SIZE, device="cuda")
    optimizer = torch.optim.SGD([weight], lr=0.1)
    length = 4 * SIZE * SIZE
    room = ctypes.create_string_buffer(2 * length)
    address = ctypes.addressof(room)
    if pinned:
        copies.pin(address, 2 * length, "cuda:0")

    for _ in range(5):
        expected = bytes_of(weight) + bytes_of(running)
        copying = copies.start([(remote(weight), address), (remote(running), address + length)])
        optimizer.zero_grad()
        (weight @ weight).sum().backward()
        running.add_(weight.detach())
        optimizer.step()
        copying.wait()
        assert room.raw == expected

    copies.close()
    if pinned:
        copies.unpin(address)


def test_memory_that_is_let_go_is_not_used_anew_before_it_is_copied() -> None:
    copies = Copies(Cuda, lambda: True)
    room = ctypes.create_string_buffer(4 * SIZE * SIZE)
    copies.pin(ctypes.addressof(room), len(room), "cuda:0")
    gone = torch.randn(SIZE, SIZE, device="cuda")
    expected = bytes_of(gone)

    copying = copies.start([(remote(gone), ctypes.addressof(room))])
    gone.untyped_storage().resize_(0)
    del gone
    others = [torch.zeros(SIZE, SIZE, device="cuda") for _ in range(3)]
    copying.wait()

    assert room.raw == expected
    assert len(others) == 3
    copies.unpin(ctypes.addressof(room))


def test_parameters_that_change_without_an_optimizer() -> None:
    copies = Copies(Cuda, lambda: True)
    weight = torch.nn.Parameter(torch.ones(8, device="cuda"))
    optimizer = torch.optim.SGD([weight], lr=0.1)
    room = ctypes.create_string_buffer(32)
    copies.start([(remote(weight), ctypes.addressof(room))]).wait()
    weight.sum().backward()
    optimizer.step()

    copying = copies.start([(remote(weight), ctypes.addressof(room))])
    with torch.no_grad():
        weight.add_(1)

    with pytest.raises(TornSnapshot):
        copying.wait()
    copies.close()


def test_a_run_on_the_device_replays_bit_for_bit(tmp_path: Path) -> None:
    project = Project(tmp_path / "recorded")
    project.create({"train.py": SCRIPT})
    assert project.flor("record", *DENSE, "train.py").status == 0
    project.write({"train.py": SCRIPT.replace("# PROBE", 'flor.log("loss", loss.item())')})

    report = report_of(project.flor("replay", "--json", "--epochs", "2,4"))

    assert report is not None
    assert (report["status"], report["warnings"]) == ("verified", [])


def test_logged_values_are_those_of_the_moment_and_nothing_waits() -> None:
    value, side = torch.zeros((), device="cuda"), torch.cuda.Stream()
    weight = torch.zeros(1000, device="cuda")
    freeze(value)  # the first time, torch makes streams
    torch.cuda.synchronize()

    with torch.cuda.stream(side):
        torch.cuda._sleep(1 << 31)  # about a second
        for tensor in (value, weight):
            tensor.add_(1)
        kept = freeze({"loss": value, "weight": [Sample(copied(weight), 1)]})
        for tensor in (value, weight):
            tensor.add_(1)
        again = freeze(value)
        value.add_(1)
        has_waited = side.query()

    assert not has_waited
    read = plain(kept)
    assert (read["loss"], read["weight"][0].edges) == (1.0, (0.5, 1.5))
    assert plain(again) == 2.0


def test_a_captured_graph_has_no_values_to_log() -> None:
    value, graph = torch.ones((), device="cuda"), torch.cuda.CUDAGraph()

    with torch.cuda.graph(graph):
        twice = value * 2
        kept = freeze(twice)
    graph.replay()

    assert isinstance(kept, Lost)
    assert twice.item() == 2.0
