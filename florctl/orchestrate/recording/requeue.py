"""Runs that were asked to leave: how their end is told, and which one the same command goes on with."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from florctl.orchestrate.answers.lookup import runs_of
from florctl.orchestrate.launch import Ended
from florctl.orchestrate.run_json import read_run_json
from florlib.ground.errors import RunDamaged
from florlib.ground.layout import RunLayout
from florlib.ground.requeue import SIGNALS
from florlib.stores.catalog.rows import RunRow


def settled(content: dict[str, Any], ended: Ended) -> tuple[Ended, int]:
    """How a run ended, and the exit status for who started it; run.json is told if it was asked to leave.

    Args:
        content: of run.json.
        ended: how its command did.
    """
    requeue = content.get("requeue")
    if requeue is None:
        return ended, ended.shell_status
    status = requeue["status"]
    asked = ended.exit_status == status or ended.signal in SIGNALS
    content["requeue"] = {**requeue, "asked": asked}
    if not asked:
        return ended, ended.shell_status
    return Ended(None, ended.signal or int(signal.SIGTERM)), status


def run_to_go_on(home: Path, project: Path, words: Sequence[str], cwd: Path) -> RunRow | None:
    """The newest run of a command that is not running, if it was to be requeued and has not ended by itself.

    Args:
        home: FLOR_HOME, harvested.
        project: of the command.
        words: the command.
        cwd: where it was typed.
    """
    for row in runs_of(home, name=None, project=project, limit=None):
        if row.command != tuple(words) or row.status == "running":
            continue
        try:
            content = read_run_json(RunLayout(home / row.folder))
        except RunDamaged:
            continue
        requeue = content.get("requeue")
        if os.path.realpath(content["cwd"]) != os.path.realpath(cwd):
            continue
        return row if requeue and (requeue["asked"] or row.status == "killed") else None
    return None
