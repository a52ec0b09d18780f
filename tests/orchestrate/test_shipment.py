"""What is sent to a machine that sees nothing of a run, and how it is laid out there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from florctl.orchestrate.machines.parcels import CHUNK_BYTES, Item, lay, pack, stamps
from florctl.orchestrate.machines.ray_node import difference, work
from florctl.orchestrate.machines.shipment import sandbox_contents
from florctl.orchestrate.planning.sandbox import lay_out
from florlib.ground.layout import RunLayout


def sent(items: list[Item], there: Path) -> None:
    lay(str(there), pack(items, lambda chunk: chunk), lambda chunk: chunk)


def test_files_come_as_they_were(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    large = os.urandom(64) * ((CHUNK_BYTES + 100) // 64)
    (here / "large").write_bytes(large)
    (here / "run.sh").write_text("#!/bin/sh\n")
    (here / "run.sh").chmod(0o755)
    items = [Item("a/large", str(here / "large")), Item("run.sh", str(here / "run.sh"))]

    sent([*items, Item("b/link", "../run.sh", is_link=True), Item("empty", str(here))], there)

    assert (there / "a/large").read_bytes() == large
    assert os.access(there / "b/link", os.X_OK)
    assert (there / "empty").is_dir()
    assert stamps(str(there))["run.sh"] == stamps(str(here))["run.sh"]


def test_a_file_that_is_gone_meanwhile_is_left_out(tmp_path: Path) -> None:
    assert pack([Item("a", str(tmp_path / "gone"))], lambda chunk: chunk) == []


def test_nothing_is_written_through_links(tmp_path: Path) -> None:
    users, there = tmp_path / "users", tmp_path / "there"
    for folder in (users, there):
        folder.mkdir()
    (users / "best.pt").write_text("the user's")
    (there / "best.pt").symlink_to(users / "best.pt")
    (there / "data").symlink_to(users)
    (tmp_path / "new").write_text("new")
    new = str(tmp_path / "new")

    sent([Item("best.pt", new), Item("data/best.pt", new)], there)

    assert (users / "best.pt").read_text() == "the user's"
    assert (there / "best.pt").read_text() == "new"
    assert (there / "data/best.pt").read_text() == "new"


@pytest.fixture
def run(tmp_path: Path) -> RunLayout:
    """A run whose project has data: within, and by a link to outside."""
    project = tmp_path / "project"
    (project / "data").mkdir(parents=True)
    (project / "data" / "x.bin").write_bytes(b"12345")
    (project / "train.py").write_text("pass\n")
    (tmp_path / "outside.bin").write_bytes(b"123")
    (project / "more.bin").symlink_to(tmp_path / "outside.bin")
    return RunLayout(tmp_path / "home" / "train" / "r")


def test_data_of_the_project_is_sent_and_other_data_has_to_be_there(
    run: RunLayout, tmp_path: Path
) -> None:
    work = run.replay("p").work
    sandbox = lay_out(tmp_path / "project", work, started_ns=1 << 62)

    found = sandbox_contents([sandbox], run, sends=True)
    sent(found.items, tmp_path / "there")

    there = tmp_path / "there/replays/p/files"
    assert (there / "train.py").read_text() == "pass\n"
    assert not (there / "data/x.bin").is_symlink()
    assert (there / "data/x.bin").read_bytes() == b"12345"
    assert os.readlink(there / "more.bin") == str(tmp_path / "outside.bin")
    assert found.needed == {str(tmp_path / "outside.bin"): 3}
    assert found.linked == {str(tmp_path / "project/data/x.bin"): 5}


def test_a_worker_does_not_begin_without_what_it_needs(tmp_path: Path) -> None:
    (tmp_path / "short.bin").write_bytes(b"12")

    for name in ("gone.bin", "short.bin"):
        found = work({"needed": {str(tmp_path / name): 3}})

        assert f"does not have {tmp_path / name} as it is here" in found["unstarted"]


def test_what_makes_an_interpreter_another_one() -> None:
    expected = {"flor": "a", "python": "3.11.7"}

    assert difference({"flor": "a", "python": "3.11.7"}, expected) is None
    assert difference({"flor": None}, expected) == "has no flor"
    assert difference({"flor": "b"}, expected) == "has another flor than this one"
