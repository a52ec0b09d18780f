"""What run.json has to say of a run from elsewhere: the project, the interpreter and the number that it has here."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from florlib.ground.errors import UsageError
from florlib.ground.layout import RUN_FILE
from florlib.ground.relocation import Relocation


@dataclass(frozen=True, slots=True)
class Settlement:
    """Where a run is to be at home.

    Attributes:
        home: FLOR_HOME.
        project: the present one, which may be that of the run.
        into: the folder that its code is laid out in where no project of it is here.
        trusted: pickled objects in its checkpoints may be loaded.
        url: where it was fetched from.
        store: that holds its version; None where there is none.
    """

    home: Path
    project: Path
    into: Path
    trusted: bool
    url: str
    store: Path | None


def settled(content: Mapping[str, Any], settlement: Settlement) -> tuple[dict[str, Any], bool]:
    """run.json for here, with what was there under `fetched`; and whether code was laid out.

    Raises:
        UsageError: code is to be laid out where other files are.
    """
    before = Path(content["project"])
    project, laid_out = _project(content, settlement)
    moved = Relocation(((str(before), str(project)),))
    cwd = moved.there(content["cwd"])
    environment = dict(content["environment"])
    words = [_word(moved, word) for word in content["command"]]
    executable = environment.get("executable")
    if executable and not os.access(executable, os.X_OK):
        words = [sys.executable if word == executable else word for word in words]
        environment["executable"] = sys.executable
    here = {
        **content,
        "ordinal": _ordinal(content, settlement.home),
        "project": str(project),
        "cwd": cwd if Path(cwd).is_dir() else str(project),
        "command": words,
        "environment": environment,
    }
    here = marked(here, content, settlement.url, trusted=settlement.trusted)
    if settlement.store is not None and not _holds(project, content["version"]["commit"]):
        here["version"] = {**content["version"], "store": "private"}
    return here, laid_out


def marked(
    content: Mapping[str, Any], before: Mapping[str, Any], url: str, *, trusted: bool
) -> dict[str, Any]:
    """run.json with the word that checkpoints of the run come from elsewhere, and what was there."""
    names = ("project", "cwd", "command", "ordinal", "version")
    there = {
        **{name: before.get(name) for name in names},
        "executable": before["environment"].get("executable"),
    }
    return {**content, "fetched": {"from": url, "trusted": trusted, **there}}


def as_recorded(content: Mapping[str, Any]) -> dict[str, Any]:
    """run.json as it was where the run was recorded.

    >>> as_recorded({"project": "/b", "environment": {}, "fetched": {"from": "u", "trusted": True,
    ...     "project": "/a", "executable": "/bin/python"}})
    {'project': '/a', 'environment': {'executable': '/bin/python'}}
    """
    fetched = dict(content["fetched"])
    executable = fetched.pop("executable")
    there = {name: value for name, value in fetched.items() if name not in ("from", "trusted")}
    environment = {**content["environment"], "executable": executable}
    changed = {**content, **there, "environment": environment}
    return {name: value for name, value in changed.items() if name != "fetched"}


def _word(moved: Relocation, word: str) -> str:
    option, equals, value = word.rpartition("=")
    return f"{option}{equals}{moved.there(value)}"


def _project(content: Mapping[str, Any], settlement: Settlement) -> tuple[Path, bool]:
    """The folder of the run's project here, and whether it had to be made."""
    before = Path(content["project"])
    for folder in (before, settlement.project):
        if folder.is_dir() and _is_of(folder, content):
            return folder, False
    if settlement.store is None:
        return before, False  # nothing to lay out: a replay says that the project is gone
    folder = settlement.into / str(content["name"])
    if folder.exists() and _is_of(folder, content):
        return folder, False
    _lay_out(folder, content["version"]["tree"], settlement.store)
    return folder, True


def _is_of(folder: Path, content: Mapping[str, Any]) -> bool:
    """Whether a folder is a project of the run: it has the commit that the run stood on, or its script."""
    base = (content.get("version") or {}).get("base")
    if base is not None and _holds(folder, base):
        return True
    script = content.get("script")
    if script is None:
        return folder == Path(content["project"])
    inside = os.path.relpath(os.path.join(content["cwd"], script), content["project"])
    return not inside.startswith("..") and (folder / inside).is_file()


def _holds(folder: Path, commit: str) -> bool:
    """Whether the repository around a folder has a commit."""
    from florlib.ground.errors import VersionMissing
    from florlib.stores.versions import find_project, open_archive

    root = find_project(folder)
    if root is not None:
        with suppress(VersionMissing), open_archive([root]) as archive:
            archive.commit(commit)
            return True
    return False


def _lay_out(folder: Path, tree: str, store: Path) -> None:
    from florlib.stores.versions import export, open_archive

    if folder.exists() and any(folder.iterdir()):
        raise UsageError(
            f"the code of the run has no place: {folder} holds something else",
            hint="flor spool fetch --into FOLDER",
        )
    with open_archive([store]) as archive:
        export(archive, tree, folder)


def _ordinal(content: Mapping[str, Any], home: Path) -> int:
    """The number that the run had, or where another run has that here, the next that is free."""
    taken = set()
    for path in (home / str(content["name"])).glob(f"*/{RUN_FILE}"):
        with suppress(OSError, ValueError, KeyError, TypeError):
            taken.add(int(json.loads(path.read_text(encoding="utf-8"))["ordinal"]))
    wanted = int(content["ordinal"])
    return wanted if wanted not in taken else max(taken) + 1
