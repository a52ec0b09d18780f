"""Git projects to save versions of, with the git binary as the judge of what is right."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import florlib
from tests.projects import GitProject

SAVE = """
import sys
from datetime import datetime, timezone
from pathlib import Path
from florlib.stores.versions import snapshot
sys.stdin.read()
snapshot(Path.cwd(), run=sys.argv[1], name="n", ordinal=1, command="c",
         now=datetime.now(timezone.utc), private_store=Path(sys.argv[2]))
"""


@pytest.fixture
def project(tmp_path: Path) -> GitProject:
    """An empty repository on branch main."""
    root = tmp_path / "project"
    root.mkdir()
    made = GitProject(root)
    made.git("init", "-q")
    return made


@pytest.fixture
def guarded(monkeypatch: pytest.MonkeyPatch) -> Iterator[GitProject]:
    """A repository whose files can be made unreadable, even for root (see `unprivileged`)."""
    folder = Path(tempfile.mkdtemp(prefix="flor-test-"))
    folder.chmod(0o755)
    monkeypatch.setenv("HOME", str(folder))
    made = GitProject(folder / "project")
    made.root.mkdir()
    made.git("init", "-q")
    made.git("config", "user.name", "A Tester")
    made.git("config", "user.email", "tester@example.org")
    yield made
    subprocess.run(["chmod", "-R", "u+rwX", str(folder)], check=True)
    shutil.rmtree(folder)


@contextmanager
def without_privileges(folder: Path) -> Iterator[None]:
    if os.geteuid() != 0:
        yield
        return
    nobody = 65534
    subprocess.run(["chown", "-R", str(nobody), str(folder)], check=True)
    os.seteuid(nobody)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def unprivileged():
    """`with unprivileged(folder):` makes permissions count; root would pass over them."""
    return without_privileges


@pytest.fixture
def save_at_once(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path, int, Path], list[int]]:
    """Saves versions for run0, run1, ... from processes that start together; their statuses."""
    monkeypatch.setenv("PYTHONPATH", str(Path(florlib.__file__).parent.parent))

    def save(root: Path, count: int, private_store: Path) -> list[int]:
        children = [
            subprocess.Popen(
                [sys.executable, "-c", SAVE, f"run{number}", str(private_store)],
                cwd=root,
                stdin=subprocess.PIPE,
            )
            for number in range(count)
        ]
        for child in children:
            child.stdin.close()  # the starting shot
        return [child.wait() for child in children]

    return save
