"""Git projects to save versions of, with the git binary as the judge of what is right."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

import florlib
from florlib.stores.versions import Version, snapshot

NOW = datetime(2026, 11, 23, 22, 10, 0, tzinfo=timezone(timedelta(hours=2)))

SAVE = """
import sys
from datetime import datetime, timezone
from pathlib import Path
from florlib.stores.versions import snapshot
sys.stdin.read()
snapshot(Path.cwd(), run=sys.argv[1], name="n", ordinal=1, command="c",
         now=datetime.now(timezone.utc), private_store=Path(sys.argv[2]))
"""


class GitProject:
    """A folder, the git commands typed in it, and the versions saved of it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.runs = 0

    def git(self, *words: str, index: Path | None = None) -> str:
        environment = os.environ | ({"GIT_INDEX_FILE": str(index)} if index else {})
        ended = subprocess.run(
            ["git", "-c", "protocol.file.allow=always", *words],
            cwd=self.root,
            env=environment,
            capture_output=True,
            check=True,
        )
        return ended.stdout.decode("utf-8", "surrogateescape").rstrip("\n")

    def write(self, path: str, content: str | bytes = "x\n") -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        return file

    def commit(self, **files: str) -> str:
        """Commit everything, after writing `name="content"` to name.py; returns the commit."""
        for name, content in files.items():
            self.write(f"{name}.py", content)
        self.git("add", "-A")
        self.git("commit", "-qm", "work", "--allow-empty")
        return self.git("rev-parse", "HEAD")

    def save(self, *, private_store: Path | None = None, **changes: object) -> Version:
        self.runs += 1
        about = {
            "run": f"20261123-221000-{self.runs:06}",
            "name": "linear",
            "ordinal": self.runs,
            "command": "train.py --lr 0.1",
            "now": NOW,
        }
        return snapshot(self.root, private_store=private_store, **(about | changes))

    def git_tree(self) -> str:
        """What `git add -A` would write, by an index beside the user's."""
        index = self.root.parent / "index.judge"
        index.unlink(missing_ok=True)
        if (current := self.git_folder / "index").exists():
            index.write_bytes(current.read_bytes())
            # git compares times with the index file's own
            os.utime(index, ns=(current.stat().st_atime_ns, current.stat().st_mtime_ns))
        self.git("add", "-A", index=index)
        return self.git("write-tree", index=index)

    def files(self, commit: str) -> list[str]:
        return self.git("ls-tree", "-r", "-z", "--name-only", commit).rstrip("\0").split("\0")

    @property
    def git_folder(self) -> Path:
        return Path(self.git("rev-parse", "--absolute-git-dir"))

    def untouchables(self) -> dict[str, bytes]:
        """The bytes of HEAD, of the index and of every file of the working tree."""
        files = [path for path in self.root.rglob("*") if ".git" not in path.parts]
        found = {}
        for path in (self.git_folder / "HEAD", self.git_folder / "index", *files):
            if path.is_symlink():
                found[str(path)] = os.fsencode(os.readlink(path))
            elif path.is_file():
                found[str(path)] = path.read_bytes()
        return found


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
