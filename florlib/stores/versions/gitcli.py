"""The git binary, for the few things that are better left to it; everything works without one.

It is asked to apply content filters, to read index formats that dulwich cannot, to rewrite the
index of a user who is on the shadow branch, to resolve revisions, and to lay out all files of a version.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

# Variables that point git at another repository than the one it is started in; a commit hook that
# calls flor has them set. Those that hold configuration (GIT_CONFIG_*) stay.
_REDIRECTIONS = (
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_PREFIX",
    "GIT_COMMON_DIR",
    "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_LITERAL_PATHSPECS",
)

# Hooks (post-index-change) must not see what flor does, and the index that flor writes is whole.
_SETTINGS = ("-c", "core.hooksPath=/dev/null", "-c", "core.splitIndex=false")


def git(
    *words: str,
    folder: Path,
    index: Path | None = None,
    objects: tuple[Path, Path] | None = None,
    stdin: bytes = b"",
) -> bytes | None:
    """Run git and wait for it.

    Args:
        words: the command and its arguments.
        folder: where to run it; a work tree, or a bare repository.
        index: the file to use in place of the repository's index.
        objects: a folder to write objects to, and the repository's own, to read from as well.
        stdin: what the command reads.

    Returns:
        What it printed; None where there is no git, or it ended with another status than 0.
    """
    program = shutil.which("git")
    if program is None:
        return None
    environment = {key: text for key, text in os.environ.items() if key not in _REDIRECTIONS}
    environment |= {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    if index is not None:
        environment["GIT_INDEX_FILE"] = str(index)
    if objects is not None:
        environment["GIT_OBJECT_DIRECTORY"] = str(objects[0])
        environment["GIT_ALTERNATE_OBJECT_DIRECTORIES"] = str(objects[1])
    ended = subprocess.run(
        [program, *_SETTINGS, *words],
        cwd=folder,
        env=environment,
        input=stdin,
        capture_output=True,
        check=False,
    )
    return ended.stdout if ended.returncode == 0 else None


def copy_index(index: Path, target: Path) -> None:
    """Copy an index with its time, without which git takes files for unchanged that are not.

    Those that were written in the second of that time may have changed unseen since, and git reads
    them (racy-git.txt). Where another index comes in between, it has the earlier time.
    """
    status = index.stat()
    shutil.copy(index, target)
    os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))
