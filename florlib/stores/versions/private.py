"""The private store: a bare repository of flor's own, for projects that lie in none."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from dulwich.repo import Repo


def open_private(path: Path) -> Repo:
    """Open a private store, which is created where there is none.

    Raises:
        OSError: it cannot be created.
        NotGitRepository: something else is there.
    """
    if not path.exists():
        _create(path)
    return Repo(str(path))


def _create(path: Path) -> None:
    """Create a store aside and rename it, so that runs that start together find a whole one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        Repo.init_bare(aside).close()
        os.rename(aside, path)
    except OSError:
        shutil.rmtree(aside, ignore_errors=True)
        if not path.exists():
            raise
