"""What is well and what is not: of the machine and FLOR_HOME, and of a run, what keeps it from exact replay."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from florctl.orchestrate.environment import devices, differences, present_environment
from florctl.orchestrate.journals import read_run_journals
from florctl.orchestrate.keeping.checking import check
from florctl.orchestrate.keeping.sweep import Limits, plan_sweep
from florctl.orchestrate.planning.inputs import changed_inputs
from florctl.orchestrate.planning.preparation import NAMED_BY_RECORD
from florctl.orchestrate.planning.sources import compare_sources
from florctl.orchestrate.run_json import read_run_json, refuse_imported
from florlib.ground.errors import ArrayDamaged, ArrayMissing, FlorError
from florlib.ground.layout import RunLayout
from florlib.stores.catalog.rows import RunRow
from florlib.stores.mounts import NETWORK, file_system
from florlib.stores.versions import find_project

LITTLE_BYTES = 5 * 10**9  # free, below which a disk is nearly full for checkpoints
_ASKED_S = 10.0
_OF_ARRAYS = (ArrayMissing.code, ArrayDamaged.code)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        name: of it.
        status: "ok", "note" (as it is) or "problem".
        text: what was found.
        hint: a command that helps, where there is one.
    """

    name: str
    status: str
    text: str
    hint: str | None = None

    def to_json(self) -> dict[str, Any]:
        """All of it."""
        return asdict(self)


def examine(
    home: Path,
    project: Path | None,
    runs: Sequence[RunRow],
    problems: Sequence[str],
    *,
    sizes: Callable[[int], str],
    version: str,
    now: datetime,
) -> list[Finding]:
    """Look at this machine, at FLOR_HOME and at the project.

    Args:
        home: FLOR_HOME.
        project: the present one.
        runs: all that are known.
        problems: what the last harvest could not read.
        sizes: bytes in words.
        version: of flor.
        now: the present.
    """
    found = [*_machine(version), *_home(home, sizes)]
    found += [Finding("journals", "problem", text) for text in problems]
    if not problems:
        found.append(Finding("journals", "ok", "all that is recorded is in the catalog"))
    found += _leftovers(home, runs, sizes, now)
    found += _project(project)
    return found


def _machine(version: str) -> Iterator[Finding]:
    present = present_environment()
    yield Finding("flor", "ok", version)
    yield Finding("Python", "ok", f"{present['python']} at {present['executable']}")
    torch = present.get("torch")
    if torch is None:
        text = "torch is not installed for this Python"
        yield Finding("torch", "problem", text, "pip install torch")
    else:
        yield Finding("torch", "ok", torch)
    yield Finding("processor", "ok", f"{present['processor']}, {present['cores']} cores")
    names = devices()
    text = ", ".join(names) if names else "none that nvidia-smi tells of"
    yield Finding("CUDA devices", "ok" if names else "note", text)


def _home(home: Path, sizes: Callable[[int], str]) -> Iterator[Finding]:
    if not home.is_dir():
        yield Finding("FLOR_HOME", "note", f"{home} is not there yet", "flor record train.py")
        return
    kind = file_system(home)
    if kind in NETWORK:
        text = f"{home} lies on a network file system ({kind}): recording is slower there"
        yield Finding("FLOR_HOME", "note", text, "export FLOR_HOME=/a/local/folder")
    else:
        yield Finding("FLOR_HOME", "ok", f"{home}{f', {kind}' if kind else ''}")
    if not os.access(home, os.W_OK | os.X_OK):
        yield Finding("FLOR_HOME", "problem", f"{home} cannot be written")
    free = shutil.disk_usage(home).free
    little = free < LITTLE_BYTES
    text = f"{sizes(free)} are free"
    hint = "flor store usage" if little else None
    yield Finding("disk", "problem" if little else "ok", text, hint)


def _leftovers(
    home: Path, runs: Sequence[RunRow], sizes: Callable[[int], str], now: datetime
) -> Iterator[Finding]:
    left = plan_sweep(home, runs, Limits(), now=now).leftovers
    if left:
        count = "1 file" if len(left) == 1 else f"{len(left)} files"
        text = f"{count} that nobody needs, {sizes(sum(one.bytes for one in left))}"
        yield Finding("leftovers", "note", text, "flor store sweep")
    else:
        yield Finding("leftovers", "ok", "none")


def _project(project: Path | None) -> Iterator[Finding]:
    if project is None:
        return
    try:
        told = subprocess.run(
            ["git", "--version"], capture_output=True, text=True, timeout=_ASKED_S, check=True
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        yield Finding("git", "note", "there is no git: versions are saved without it")
    else:
        yield Finding("git", "ok", told)
    if find_project(project) is None:
        text = f"{project} is in no git repository: versions go to a store of flor's own"
        yield Finding("project", "note", text, "git init")
    else:
        yield Finding("project", "ok", str(project))


# ---------------------------------------------------------------------- a run


def examine_run(home: Path, run: RunRow) -> list[Finding]:
    """Look for what keeps a run from being replayed exactly."""
    layout = RunLayout(home / run.folder)
    try:
        content = read_run_json(layout)
        refuse_imported(content, "replayed")
        journals = read_run_journals(layout)
    except FlorError as error:
        return [Finding("record", "problem", error.message, error.hint)]
    found = [Finding("record", "problem", text) for text in journals.damages]
    processes = journals.processes
    iterations = sum(main.iterations for one in processes for main in one.mains)
    if not iterations:
        text = "it has no main loop: nothing can be restored"
        found.append(Finding("loops", "problem", text, f"flor log show {run.run}"))
    else:
        found.append(Finding("loops", "ok", f"{iterations} iterations of main loops"))
    told = {
        (record["code"], record["text"])
        for trace in journals.traces
        for record in trace.warnings
        if record["code"] in NAMED_BY_RECORD
    }
    found += [Finding(code, "problem", text) for code, text in sorted(told)]
    found += _checkpoints(home, run)
    others = differences(content["environment"], {**present_environment(), "devices": devices()})
    found += [Finding("environment", "problem", text) for text in others]
    found += _sources(run, content, processes) if processes else []
    if not any(one.status == "problem" for one in found):
        found.append(Finding("replay", "ok", "nothing is known that keeps it from being exact"))
    return found


def _checkpoints(home: Path, run: RunRow) -> Iterator[Finding]:
    checked = check(home, [run])
    for fault in checked.faults:
        what = "array" if fault.code in _OF_ARRAYS else "checkpoint"
        yield Finding(what, "problem", f"{fault.file}: {fault.text}")
    if checked.spooled:
        text = f"{checked.spooled} lie in a spool, and come back when a replay needs them"
        yield Finding("spool", "ok", text, f"flor spool status {run.run}")
    elif not checked.checkpoints:
        text = "there is none: replays execute everything"
        yield Finding("checkpoints", "note", text, "flor record --budget 5% train.py")
    if checked.checkpoints and not checked.faults:
        yield Finding("checkpoints", "ok", f"{checked.checkpoints}, all as they were written")


def _sources(
    run: RunRow, content: Mapping[str, Any], processes: Sequence[Any]
) -> Iterator[Finding]:
    project = Path(content["project"])
    if not project.is_dir():
        yield Finding("project", "problem", f"there is no {project} any more")
        return
    try:
        changed = compare_sources(project, processes).changed
    except SyntaxError as error:
        yield Finding("code", "problem", f"a present source does not parse: {error}")
        return
    if changed and content.get("version") is None:
        text = f"{', '.join(changed)} changed since, and no version of the run was saved"
        yield Finding("code", "problem", text)
    elif changed:
        text = f"{', '.join(changed)} changed since: its own version is replayed"
        yield Finding("code", "note", text, f"flor shadow diff {run.run}")
    else:
        yield Finding("code", "ok", "as it was recorded, or with added lines alone")
    for text in changed_inputs(processes, project.joinpath):
        yield Finding("inputs", "problem", text)
