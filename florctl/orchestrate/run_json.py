"""Reading a run's run.json, as far as what is asked of it is there."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from florlib.ground.errors import NotReplayable, RunDamaged
from florlib.ground.layout import RunLayout

_NEEDED: Mapping[str, tuple[type, ...]] = {
    "project": (str,),
    "cwd": (str,),
    "command": (list,),
    "environment": (dict,),
    "started": (str,),
    "ended": (str, type(None)),
    "exit_status": (int, type(None)),
    "signal": (str, int, type(None)),
}


def read_run_json(layout: RunLayout) -> dict[str, Any]:
    """What run.json says, with all fields that a replay needs.

    Raises:
        RunDamaged: it cannot be read, is no JSON object, or lacks a field.
    """
    try:
        content = json.loads(layout.run_file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunDamaged(f"{layout.run_file} cannot be read ({error})") from None
    if not isinstance(content, dict):
        raise RunDamaged(f"{layout.run_file} holds no JSON object")
    for name, kinds in _NEEDED.items():
        if name not in content or not isinstance(content[name], kinds):
            what = "does not tell" if name not in content else "holds no valid"
            raise RunDamaged(f"{layout.run_file} {what} `{name}` of the run")
    return content


def is_trusted(content: Mapping[str, Any]) -> bool:
    """Whether pickled objects in checkpoints may be loaded: of a run from elsewhere, only if its user said so.

    >>> is_trusted({}), is_trusted({"fetched": {"trusted": False}})
    (True, False)
    """
    fetched = content.get("fetched")
    return fetched is None or fetched.get("trusted") is True


def came_from(content: Mapping[str, Any]) -> tuple[str, str] | None:
    """(project folder where a run was recorded, the one here); None where that is the same.

    >>> came_from({"project": "/b/p", "fetched": {"project": "/a/p"}})
    ('/a/p', '/b/p')
    """
    before = (content.get("fetched") or {}).get("project", content["project"])
    return None if before == content["project"] else (before, content["project"])


def refuse_imported(content: Mapping[str, Any], doing: str) -> None:
    """See that flor has recorded a run, and not another program.

    Args:
        content: run.json.
        doing: what wants to be done with it, "replayed".

    Raises:
        NotReplayable: another program has.
    """
    imported = content.get("imported")
    if imported is not None:
        raise NotReplayable(
            f"run {content['run']} cannot be {doing}: it was imported from {imported['from']},"
            " with what it logged, and has no checkpoints",
            hint=f"flor log get {content['run']}",
        )


def program_of(content: Mapping[str, Any]) -> tuple[str, ...]:
    """What a run ran, arguments aside: the same for all runs of one script or module.

    >>> program_of({"cwd": "/p/src", "script": "../train.py", "command": ["python", "../train.py"]})
    ('/p/train.py',)
    >>> program_of({"cwd": "/p", "command": ["python", "-m", "pack.train", "--lr", "1"]})
    ('-m', 'pack.train')
    """
    script, words = content.get("script"), tuple(content["command"])
    if script is not None:
        return (os.path.normpath(os.path.join(content["cwd"], script)),)
    return words[1:3] if words[1:2] == ("-m",) else words[:2]
