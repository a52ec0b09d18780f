"""A process that is killed at any moment leaves whole files, and orphans that can be swept."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from florlib.stores.checkpoints import Checkpoint, sweep_orphans
from florlib.stores.journal import read_journal

SCRIPTS = Path(__file__).parent / "scripts"
WHOLE_BYTES = 24 << 20

pytestmark = pytest.mark.process


@contextmanager
def started(script: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """A child that runs until the block ends at the latest."""
    command = [sys.executable, SCRIPTS / script, *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        try:
            yield child
        finally:
            child.kill()


def killed_after(child: subprocess.Popen[str], acknowledged: list[int]) -> list[int]:
    """Kill it, and return the numbers that it has printed until then, those given first."""
    child.kill()
    return acknowledged + [int(line) for line in child.communicate()[0].splitlines()]


def wait_for_a_file_written_to(share: float, child: subprocess.Popen[str], folder: Path) -> None:
    """Return while the child writes a temporary file, of which at least so much is there."""
    while child.poll() is None:
        for path in folder.glob(".*.tmp"):
            with suppress(FileNotFoundError):
                if path.stat().st_size >= share * WHOLE_BYTES:
                    return


def test_kill_while_publishing_leaves_whole_files_and_orphans(tmp_path):
    orphans, checked = [], 0
    for turn, share in enumerate([0, 0.1, 0.3, 0.5, 0.7, 0.9]):
        with started("publish_forever.py", tmp_path, turn * 10_000) as child:
            numbers = [int(child.stdout.readline()) for _ in range(2)]
            wait_for_a_file_written_to(share, child, tmp_path)
            numbers = killed_after(child, numbers)

        assert (tmp_path / f"{numbers[-1]:06}.safetensors").exists()
        for path in tmp_path.glob("[0-9]*"):
            checkpoint = Checkpoint.open(path)
            assert checkpoint.tree == int(path.stem)
            checked += checkpoint.verify()
        orphans += sweep_orphans(tmp_path, alive=lambda pid, dead=child.pid: pid != dead)
        assert all(name.endswith(".safetensors") for name in os.listdir(tmp_path))

    assert orphans and checked > 6


@pytest.mark.parametrize("lines", [1, 10, 100, 1000])
def test_kill_while_appending_loses_nothing_that_was_appended(tmp_path, lines):
    with started("append_forever.py", tmp_path / "j") as child:
        acknowledged = killed_after(child, [int(child.stdout.readline()) for _ in range(lines)])

    numbers = [record["number"] for record in read_journal(tmp_path / "j").records]
    assert numbers == list(range(len(numbers)))
    assert numbers[: len(acknowledged)] == acknowledged
