"""The way back from a checkpoint: a whole state to usable, and one tensor, against torch.load.

Every round does each of them once, in an order drawn anew; a figure is the median of the rounds'
ratios. `A/A` is the other side measured against itself, so its spread is what the others cannot
resolve. Files are in the page cache.

    python benchmarks/restore.py
"""

from __future__ import annotations

import argparse
import gc
import os
import platform
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from florlib.runtime.graph.decode import Decoder
from florlib.runtime.graph.encode import Encoder
from florlib.stores.checkpoints import Buffer, Checkpoint, publish

SCOPE = "module __main__"
ONE = "net.body.8.second.weight"  # 2.4 MB, from the middle of the network


class Bottleneck(nn.Module):
    """Three convolutions around a shortcut, as in a ResNet-50."""

    def __init__(self, inside: int, middle: int) -> None:
        super().__init__()
        outside = middle * 4
        self.first = nn.Conv2d(inside, middle, 1, bias=False)
        self.second = nn.Conv2d(middle, middle, 3, bias=False)
        self.third = nn.Conv2d(middle, outside, 1, bias=False)
        self.norms = nn.ModuleList(map(nn.BatchNorm2d, (middle, middle, outside)))
        if inside != outside:
            conv = nn.Conv2d(inside, outside, 1, bias=False)
            self.shortcut = nn.Sequential(conv, nn.BatchNorm2d(outside))


class ResNet50(nn.Module):
    """The parameters and buffers of a ResNet-50: 25.6 M numbers in 161 and 159 tensors."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 64, 7, bias=False), nn.BatchNorm2d(64))
        blocks, inside = [], 64
        for middle, count in ((64, 3), (128, 4), (256, 6), (512, 3)):
            for _ in range(count):
                blocks.append(Bottleneck(inside, middle))
                inside = middle * 4
        self.body = nn.Sequential(*blocks)
        self.fc = nn.Linear(2048, 1000)


class Rivals:
    """One state on disk in each format, and the ways back from it into the live objects."""

    def __init__(self, folder: Path) -> None:
        self.net = ResNet50()
        self.optimizer = torch.optim.SGD(self.net.parameters(), lr=0.1, momentum=0.9)
        for parameter in self.net.parameters():
            parameter.grad = torch.randn_like(parameter)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.theirs, self.ours = folder / "state.pt", folder / "state.safetensors"
        torch.save(self._state(), self.theirs)
        captured = Encoder(lambda module: module == __name__).capture(
            [(SCOPE, "net", self.net), (SCOPE, "optimizer", self.optimizer)]
        )
        blocks = captured.blocks.items()
        buffers = [Buffer(name, block.dtype, block.shape, block.view) for name, block in blocks]
        self.bytes = publish(self.ours, captured.tree, buffers).bytes

    def _state(self) -> dict[str, Any]:
        return {"net": self.net.state_dict(), "optimizer": self.optimizer.state_dict()}

    def restore(self) -> None:
        """Flor's way: checked, and read into the tensors that are there."""
        checkpoint = Checkpoint.open(self.ours)
        live = {(SCOPE, "net"): self.net, (SCOPE, "optimizer"): self.optimizer}
        Decoder(checkpoint.tree, checkpoint.read).restore(live, frozenset())

    def load(self) -> None:
        """Torch's way."""
        state = torch.load(self.theirs, weights_only=True)
        self.net.load_state_dict(state["net"])
        self.optimizer.load_state_dict(state["optimizer"])

    def read_one(self) -> None:
        """One tensor, checked, without the rest."""
        Checkpoint.open(self.ours).read(ONE)

    def load_one(self) -> None:
        """The same, as torch can: all of the structure, and the pages of one."""
        state = torch.load(self.theirs, weights_only=True, mmap=True)
        state["net"][ONE.removeprefix("net.")].sum()

    def check(self) -> None:
        """Both ways lead to the state that was saved, bit for bit."""
        expected = {name: value.clone() for name, value in self.net.state_dict().items()}
        for way in (self.restore, self.load):
            with torch.no_grad():
                for parameter in self.net.parameters():
                    parameter.zero_()
            way()
            for name, value in self.net.state_dict().items():
                assert torch.equal(value, expected[name]), (way, name)


def measure(rivals: Rivals, rounds: int) -> dict[str, list[float]]:
    """Seconds by what was done; a value a round."""
    ways: dict[str, Callable[[], None]] = {
        "load": rivals.load,
        "load again": rivals.load,
        "restore": rivals.restore,
        "load one": rivals.load_one,
        "load one again": rivals.load_one,
        "read one": rivals.read_one,
    }
    found: dict[str, list[float]] = {name: [] for name in ways}
    for way in ways.values():
        way()
    order = list(ways)
    for _ in range(rounds):
        random.shuffle(order)
        for name in order:
            gc.collect()
            started = time.perf_counter()
            ways[name]()
            found[name].append(time.perf_counter() - started)
    return found


def main() -> None:
    """Print the ratios, and the milliseconds behind them."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    words = parser.parse_args()
    torch.set_num_threads(words.threads)
    with tempfile.TemporaryDirectory() as folder:
        rivals = Rivals(Path(folder))
        rivals.check()
        found = measure(rivals, words.rounds)
    print(f"Python {platform.python_version()}, torch {torch.__version__}, {os.cpu_count()} cores")
    print(f"{rivals.bytes / 1e6:.0f} MB, {words.rounds} rounds, {words.threads} threads of torch")
    print(f"{'':44} {'ratio':>7} {'lowest':>7} {'highest':>7} {'ms':>7} {'to ms':>7}")
    for what, one, other in (
        ("A/A: torch.load + load_state_dict", "load again", "load"),
        ("restore / torch.load + load_state_dict", "restore", "load"),
        ("A/A: one tensor by torch.load(mmap=True)", "load one again", "load one"),
        ("one tensor / torch.load(mmap=True)", "read one", "load one"),
    ):
        ratios = [left / right for left, right in zip(found[one], found[other], strict=True)]
        times = [statistics.median(found[name]) * 1e3 for name in (one, other)]
        figures = (statistics.median(ratios), min(ratios), max(ratios), *times)
        print(f"{what:44}" + "".join(f" {figure:7.2f}" for figure in figures))


if __name__ == "__main__":
    main()
