"""Which files a run opens is seen from every thread."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from florlib.runtime.files import FileWatch
from florlib.runtime.project import Project


def test_a_file_is_noted_while_another_thread_opens_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = Project.at(str(tmp_path))
    watch = FileWatch(project, tmp_path / "home")
    inside, go_on = threading.Event(), threading.Event()
    relative = Project.relative

    def slow(self: Project, path: str) -> str | None:
        if path.endswith("slow.txt"):
            inside.set()
            go_on.wait()
        return relative(self, path)

    monkeypatch.setattr(Project, "relative", slow)
    opening = threading.Thread(target=(tmp_path / "slow.txt").write_text, args=("a",))
    opening.start()
    inside.wait()
    try:
        (tmp_path / "fast.txt").write_text("b")
    finally:
        go_on.set()
        opening.join()
        watch.active = False

    news = watch.news()
    assert news is not None
    assert news["made"] == ["fast.txt", "slow.txt"]
