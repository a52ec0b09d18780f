"""Recording from within: `python train.py --flor NAME`, where no hook was there from the start.

Only explicit loops are followed, as the script is compiled already. The version is saved by a
short child, so that nothing of git is loaded here.
"""

from __future__ import annotations

import atexit
import builtins
import json
import os
import subprocess
import sys
from typing import Any

from flor._words import Words
from florlib.ground.launch import LaunchSpec


def record_here(words: Words, original: list[str]) -> None:
    """Begin to record this process; training goes on unrecorded if that cannot be had."""
    script = os.path.abspath(sys.modules["__main__"].__file__ or original[0])
    name = words.name or last_name(script) or os.path.splitext(os.path.basename(script))[0]
    prepared = _prepare(name, original)
    if prepared is None:
        return
    spec = LaunchSpec(
        "record",
        prepared["run"],
        prepared["run_dir"],
        prepared["project"],
        prepared["budget"],
        checkpoint_bytes=prepared["checkpoint_bytes"],
    )
    from florlib.runtime.start import finish_session, start_session

    started = start_session(spec, script, rewrites=False)
    if started is None:
        return
    setattr(builtins, "__flor__", started.runtime)  # noqa: B010  # not a name that mypy knows
    session = started.runtime.session
    atexit.register(_finish, prepared, session, finish_session, _watch_exit())
    os.register_at_fork(before=session.pause, after_in_child=session.abandon)
    sys.stderr.write(f"flor: recording {prepared['name']} ({prepared['run']})\n")


def _prepare(name: str, original: list[str]) -> dict[str, Any] | None:
    """Have a child make the run's folder and save the version."""
    asked = {"name": name, "command": [sys.executable, *original], "pid": os.getpid()}
    done = subprocess.run(
        [sys.executable, "-m", "florctl", "_begin", json.dumps(asked)],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        return None
    prepared: dict[str, Any] = json.loads(done.stdout)
    return prepared


def _watch_exit() -> dict[str, int]:
    """Remember the status of sys.exit and of uncaught exceptions, which atexit cannot see.

    A SystemExit that the script raises by itself stays unseen.
    """
    seen = {"status": 0}
    leave, uncaught = sys.exit, sys.excepthook

    def watched_exit(status: Any = None) -> None:
        seen["status"] = status if isinstance(status, int) else int(status is not None)
        leave(status)

    for name in ("exit", "quit"):
        quitter = getattr(builtins, name, None)
        if quitter is not None:
            setattr(builtins, name, _watched_quitter(quitter, watched_exit))

    def watched_hook(kind: Any, error: Any, trace: Any) -> None:
        seen["status"] = 130 if kind is KeyboardInterrupt else 1
        uncaught(kind, error, trace)

    sys.exit, sys.excepthook = watched_exit, watched_hook  # type: ignore[assignment]
    return seen


def _watched_quitter(quitter: Any, leave: Any) -> Any:
    """`exit` or `quit` that leaves by another way; looks as before."""

    class Quitter(type(quitter)):  # type: ignore[misc]
        def __call__(self, code: Any = None) -> None:
            try:
                super().__call__(code)
            except SystemExit:
                leave(code)

    return Quitter(quitter.name, quitter.eof)


def _finish(prepared: dict[str, Any], session: Any, finish: Any, seen: dict[str, int]) -> None:
    """At the process's end: close the journal, and say in run.json how it ended."""
    if os.getpid() != prepared["pid"]:
        return
    finish(session)
    from datetime import datetime, timezone
    from pathlib import Path

    from florlib.ground.layout import RunLayout
    from florlib.stores.atomic import write_json

    layout = RunLayout(Path(prepared["run_dir"]))
    content = json.loads(layout.run_file.read_text(encoding="utf-8"))
    content["ended"] = datetime.now(timezone.utc).isoformat()
    content["exit_status"] = seen["status"]
    write_json(layout.run_file, content)


def last_name(script: str) -> str | None:
    """The name under which a script was recorded last, by the files of FLOR_HOME."""
    home = os.environ.get("FLOR_HOME") or os.path.join(os.path.expanduser("~"), ".flor")
    from pathlib import Path

    from florlib.ground.layout import HomeLayout

    for layout in reversed(HomeLayout(Path(home)).runs()):
        content = json.loads(layout.run_file.read_text(encoding="utf-8"))
        path = os.path.join(content["cwd"], content["script"] or "")
        if os.path.abspath(path) == script:
            return str(content["name"])
    return None
