"""The flow of `flor record`: save the version, start the script with the runtime, tell the end."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from florctl.orchestrate.answers.processes import identity
from florctl.orchestrate.environment import HASH_SEED, devices, present_environment
from florctl.orchestrate.launch import Ended, guest_environment, run_child
from florctl.orchestrate.recording.ordinals import last_ordinal, numbering
from florctl.orchestrate.recording.requeue import settled
from florctl.orchestrate.recording.script import UserCommand, check_name, project_for
from florctl.orchestrate.settings import NO_LIMIT, Settings
from florlib.ground.errors import FlorError, HomeNotWritable, UsageError
from florlib.ground.ids import run_id
from florlib.ground.launch import LaunchSpec
from florlib.ground.layout import HomeLayout, RunLayout
from florlib.stores.atomic import write_json

DEVICES_S = 2.0  # that a script which has ended waits for their names
FREE_SHARE = 0.2  # of the disk's free bytes, that a run's checkpoints may take by default
MOST_BYTES = 50 * 10**9


@dataclass(frozen=True, slots=True)
class RecordRequest:
    """What is to be recorded.

    Attributes:
        settings: what holds where a flag was not given.
        tags: name=value pairs to find the run by.
        budget_share: share of training time that recording may cost.
        run_bytes: that its checkpoints may take; None for what the settings or the disk say.
        loop: "FILE:LINE" of the main loop, or None to have it found.
        save_version: whether the working tree is saved.
        requeue: exit status where a scheduler asks it to leave; None where it does not listen.
    """

    command: UserCommand
    cwd: Path
    settings: Settings
    name: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    budget_share: float = 0.01
    run_bytes: int | None = None
    loop: str | None = None
    save_version: bool = True
    requeue: int | None = None


Tell = Callable[[str], None]


@dataclass(slots=True)
class Recording:
    """A run that has been prepared: its folder stands, its run.json says that it is running."""

    layout: RunLayout
    content: dict[str, Any]

    def save(self) -> None:
        """Write run.json, whole."""
        write_json(self.layout.run_file, self.content)


def record(request: RecordRequest, *, now: datetime, token: str, tell: Tell) -> int:
    """Record a run to its end.

    Args:
        request: what to record.
        now: when the run begins.
        token: makes the run's id unique within its second.
        tell: writes one line for people.

    Returns:
        The script's own exit status, 128 + n on signal n.
    """
    environ = dict(os.environ)
    try:
        recording = prepare(request, now=now, token=token, tell=tell, pid=os.getpid())
    except HomeNotWritable as error:
        tell(f"warning: {error.message}; the script runs unrecorded")
        return _run(request.command, environ).shell_status
    environ[HASH_SEED] = recording.content["environment"]["variables"][HASH_SEED]
    spec = LaunchSpec(
        mode="record",
        run=recording.layout.run,
        run_dir=str(recording.layout.folder),
        project=recording.content["project"],
        budget_share=request.budget_share,
        loop=request.loop,
        checkpoint_bytes=recording.content["checkpoint_bytes"],
        requeue=request.requeue,
    )
    asking = _ask_for_devices(recording.content["environment"])
    try:
        ended = _run(request.command, guest_environment(environ, spec))
    except FlorError:
        _finish(recording, Ended(127, None))
        raise
    asking.join(DEVICES_S)
    ended, status = settled(recording.content, ended)
    _finish(recording, ended)
    return status


def _ask_for_devices(environment: dict[str, Any]) -> threading.Thread:
    """Note the names of the CUDA devices while the script runs, which does not wait for that."""

    def ask() -> None:
        environment["devices"] = devices()

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    return asking


def _run(command: UserCommand, environ: Mapping[str, str]) -> Ended:
    try:
        return run_child(command.words, environ=environ)
    except OSError as error:
        raise FlorError(
            f"{command.words[0]} cannot be started ({error.strerror})",
            hint="see whether it is executable, and what its first line names",
        ) from error


def prepare(
    request: RecordRequest, *, now: datetime, token: str, tell: Tell, pid: int
) -> Recording:
    """Make the run's folder and save its version.

    Raises:
        HomeNotWritable: FLOR_HOME cannot be written.
    """
    project = project_for(request.command, request.cwd)
    _check_loop(request.loop, project)
    name = check_name(request.name or request.settings.name or request.command.label)
    home = HomeLayout(request.settings.home)
    run = run_id(now, token)
    layout = home.run(name, run)
    content = {
        "format": 1,
        "run": run,
        "name": name,
        "ordinal": 0,
        "project": str(project),
        "cwd": str(request.cwd),
        "command": list(request.command.words),
        "script": request.command.script,
        "loop": request.loop,
        "tags": dict(request.tags),
        "version": None,
        "environment": present_environment(),
        "budget": request.budget_share,
        "checkpoint_bytes": None,
        "started": now.isoformat(),
        **identity(pid),
        "ended": None,
        "exit_status": None,
        "signal": None,
        "warnings": [],
        "requeue": None if request.requeue is None else {"status": request.requeue, "asked": False},
    }
    recording = Recording(layout, content)
    try:
        _claim(home, recording, project)
        content["checkpoint_bytes"] = _limit(request, layout.folder)
        if request.save_version and request.settings.version:
            _save_version(recording, project, home, now=now, tell=tell)
        recording.save()
    except OSError as error:
        raise HomeNotWritable(
            f"{request.settings.home} cannot be written ({error.strerror})"
        ) from error
    return recording


def _limit(request: RecordRequest, folder: Path) -> int | None:
    """Bytes that the checkpoints of a run may take; None for any number."""
    given = request.settings.run_bytes if request.run_bytes is None else request.run_bytes
    if given is None:
        free = shutil.disk_usage(folder).free
        return min(int(FREE_SHARE * free), MOST_BYTES)
    return None if given >= NO_LIMIT else given


def _check_loop(place: str | None, project: Path) -> None:
    """A main loop chosen by hand has to stand there.

    Raises:
        UsageError: it does not.
    """
    if place is None:
        return
    import ast

    file, _, line = place.rpartition(":")
    path = project / file
    if not line.isdigit() or not path.is_file():
        raise UsageError(
            f"{place!r} is no loop: FILE:LINE is wanted, the file as seen from {project}",
            hint="flor record --loop train.py:12 train.py",
        )
    loops = [
        node.lineno
        for node in ast.walk(ast.parse(path.read_bytes()))
        if isinstance(node, ast.For | ast.While)
    ]
    if int(line) not in loops:
        near = min(loops, key=lambda n: abs(n - int(line)), default=None)
        hint = None if near is None else f"flor record --loop {file}:{near} train.py"
        raise UsageError(f"there is no for or while in line {line} of {file}", hint=hint)


def _claim(home: HomeLayout, recording: Recording, project: Path) -> None:
    """Make the run's folder, and give it the next number of its name, from 1."""
    folder = recording.layout.folder.parent
    folder.mkdir(parents=True, exist_ok=True)
    if project in home.home.resolve().parents:
        with suppress(FileExistsError), (home.home / ".gitignore").open("x") as file:
            file.write("*\n")  # a home within the project is no part of its versions
    recording.layout.folder.mkdir()
    with numbering(folder):
        recording.content["ordinal"] = 1 + last_ordinal(folder)
        recording.save()


def _save_version(
    recording: Recording, project: Path, home: HomeLayout, *, now: datetime, tell: Tell
) -> None:
    from florlib.stores.versions import find_project, snapshot

    content = recording.content
    repository = find_project(project)
    store = None if repository else home.private_store(content["name"])
    try:
        version = snapshot(
            repository or project,
            run=content["run"],
            name=content["name"],
            ordinal=content["ordinal"],
            command=shlex.join(_spoken(content["command"])),
            now=now,
            private_store=store,
        )
    except (FlorError, OSError) as error:
        text = f"the working tree was not saved as a version: {error}"
        content["warnings"].append({"code": "version-not-saved", "text": text})
        tell(f"warning: {text}")
        return
    content["version"] = {
        "commit": version.commit,
        "work_commit": version.work_commit,
        "tree": version.tree,
        "base": version.base,
        "branch": version.branch,
        "dirty": version.dirty,
        "store": version.store,
        "skipped": [{"path": skip.path, "reason": skip.reason} for skip in version.skipped],
    }
    for skip in version.skipped:
        text = f"{skip.path} is not part of the version: {skip.reason}"
        content["warnings"].append({"code": "version-skipped", "text": text})
        tell(f"warning: {text}")


def _spoken(words: list[str]) -> list[str]:
    """A command as people say it: without the path of the interpreter."""
    return ["python", *words[1:]] if words and words[0] == sys.executable else words


def _finish(recording: Recording, ended: Ended) -> None:
    from datetime import timezone

    content = recording.content
    content["ended"] = datetime.now(timezone.utc).isoformat()
    content["exit_status"], content["signal"] = ended.exit_status, ended.signal
    with suppress(OSError):  # the disk is full or gone: journals and checkpoints stay as they are
        recording.save()
