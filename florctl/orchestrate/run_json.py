"""Reading a run's run.json, as far as what is asked of it is there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from florlib.ground.errors import RunDamaged
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
