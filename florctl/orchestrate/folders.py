"""The two folders that every command is about: FLOR_HOME, and the project."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def home_of(environ: Mapping[str, str]) -> Path:
    """FLOR_HOME, or .flor in the user's home folder; absolute."""
    given = environ.get("FLOR_HOME")
    return Path(given).expanduser().absolute() if given else user_home(environ) / ".flor"


def user_home(environ: Mapping[str, str]) -> Path:
    """The user's home folder."""
    return Path(environ["HOME"]) if environ.get("HOME") else Path.home()


def project_of(cwd: Path) -> Path:
    """The project that a folder belongs to: the git working tree around it, else the folder itself."""
    cwd = cwd.resolve()
    for folder in (cwd, *cwd.parents):
        if (folder / ".git").exists():
            return folder
    return cwd
