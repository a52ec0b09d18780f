"""Git projects to record in, with the git binary as the judge of what is right."""

from __future__ import annotations

import json
import os
import subprocess
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from florlib.ground.layout import RunLayout
from florlib.stores.versions import Version, snapshot
from tests.homes import Home

NOW = datetime(2026, 11, 23, 22, 10, 0, tzinfo=timezone(timedelta(hours=2)))


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
            # So that git reads every file: it compares times by their seconds, with the index's own.
            os.utime(index, (1, 1))
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


def record(
    home: Home,
    project: GitProject,
    token: str,
    *,
    ordinal: int,
    name: str = "linear",
    private: bool = False,
    **changes: Any,
) -> RunLayout:
    """A run of the project's present code, an hour and a minute less for each before it."""
    layout = home.run(
        token,
        name=name,
        ordinal=ordinal,
        minutes_ago=60 - ordinal,
        project=str(project.root),
        cwd=str(project.root),
        **changes,
    )
    store = layout.folder.parent / "repo.git" if private else None
    saved = project.save(run=layout.run, name=name, ordinal=ordinal, private_store=store)
    version = {
        "commit": saved.commit,
        "work_commit": saved.work_commit,
        "tree": saved.tree,
        "base": saved.base,
        "branch": saved.branch,
        "dirty": saved.dirty,
        "store": saved.store,
        "skipped": [{"path": skip.path, "reason": skip.reason} for skip in saved.skipped],
    }
    content = json.loads(layout.run_file.read_text())
    layout.run_file.write_text(json.dumps({**content, "version": version}))
    return layout
