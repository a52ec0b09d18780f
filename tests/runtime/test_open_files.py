"""Which files are open, against the system's own list of descriptors."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from florlib.runtime import open_files
from florlib.runtime.open_files import OpenFiles

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="asks /proc")


@pytest.fixture
def folder(tmp_path: Path) -> str:
    return os.path.realpath(tmp_path)


def test_a_file_is_open_until_its_last_descriptor_is_closed(folder: str) -> None:
    files, path = OpenFiles(), os.path.join(folder, "log.txt")

    def now(opened: int) -> frozenset[str] | None:
        return files.now(opened, lambda one: one.startswith(folder))

    assert now(0) == frozenset()
    with open(path, "w") as file:
        assert now(1) == {path}
        assert now(1) == {path}
        second = os.dup(file.fileno())
    assert now(1) == {path}
    os.close(second)
    assert now(1) == frozenset()
    assert now(1) == frozenset()


def test_a_descriptor_that_another_file_has_taken_over_is_not_the_first(folder: str) -> None:
    files = OpenFiles()
    paths = [os.path.join(folder, name) for name in ("a", "b")]
    first = os.open(paths[0], os.O_WRONLY | os.O_CREAT)
    assert files.now(1, lambda one: one in paths) == {paths[0]}
    assert files.now(1, lambda one: one in paths) == {paths[0]}
    second = os.open(paths[1], os.O_WRONLY | os.O_CREAT)
    os.dup2(second, first)
    os.close(second)
    try:
        assert files.now(2, lambda one: one in paths) == {paths[1]}
    finally:
        os.close(first)


def test_what_a_thread_was_about_to_open_is_found_by_the_second_look(folder: str) -> None:
    files, path = OpenFiles(), os.path.join(folder, "late")
    assert files.now(1, lambda one: one == path) == frozenset()  # told, and not there yet
    with open(path, "w"):
        assert files.now(1, lambda one: one == path) == {path}


def test_descriptors_are_gone_through_again_only_after_something_was_opened(
    folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    listings: list[str] = []
    original = os.listdir
    monkeypatch.setattr(
        open_files.os, "listdir", lambda path: listings.append(path) or original(path)
    )
    files = OpenFiles()
    for _ in range(50):
        files.now(3, lambda one: one.startswith(folder))
    assert len(listings) == 2
    files.now(4, lambda one: one.startswith(folder))
    assert len(listings) == 3


def test_where_the_system_does_not_tell_nothing_is_made_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(open_files, "_DESCRIPTORS", "/nonexistent")
    assert OpenFiles().now(0, lambda one: True) is None
