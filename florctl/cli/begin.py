"""`flor _begin`: prepares a run for a script that records itself with `--flor`; not for people."""

from __future__ import annotations

from typing import Annotated

import typer

CONTEXT = {"allow_interspersed_args": False}


def begin(asked: Annotated[str, typer.Argument(help="JSON: name, command, pid.")]) -> None:
    """Make a run's folder and save its version; print where it is as JSON."""
    import json
    import secrets
    from datetime import datetime, timezone
    from pathlib import Path

    from florctl.cli.present import present_settings
    from florctl.cli.views.summary import tell
    from florctl.orchestrate.recording.record import RecordRequest, prepare
    from florctl.orchestrate.recording.script import UserCommand

    words = json.loads(asked)
    settings = present_settings()
    command = UserCommand(tuple(words["command"]), words["command"][1], words["name"])
    recording = prepare(
        RecordRequest(
            command, Path.cwd(), settings, words["name"], budget_share=settings.budget_share
        ),
        now=datetime.now(timezone.utc),
        token=secrets.token_hex(3),
        tell=tell,
        pid=words["pid"],
    )
    layout, content = recording.layout, recording.content
    typer.echo(
        json.dumps(
            {
                "run": layout.run,
                "run_dir": str(layout.folder),
                "project": content["project"],
                "pid": words["pid"],
                "budget": content["budget"],
                "checkpoint_bytes": content["checkpoint_bytes"],
                "name": f"{content['name']}@{content['ordinal']}",
            }
        )
    )
