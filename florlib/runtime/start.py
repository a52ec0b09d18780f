"""Beginning and ending the session of a process that was started to be recorded or replayed."""

from __future__ import annotations

import json
import platform
import sys
import types
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from florlib.ground.launch import LaunchSpec
from florlib.ground.layout import ReplayLayout, RunLayout
from florlib.ground.plan import Plan
from florlib.ground.recorded import RecordedProcess
from florlib.runtime.api import Runtime
from florlib.runtime.arguments import watch_argparse
from florlib.runtime.files import FileWatch
from florlib.runtime.gone_files import GoneFiles
from florlib.runtime.guard import guarded, on_degraded, open_file, os
from florlib.runtime.optimizers import StepWatch
from florlib.runtime.prints import LineTap, tap_standard_streams
from florlib.runtime.prober import Prober
from florlib.runtime.project import Project
from florlib.runtime.recorder import Recorder
from florlib.runtime.replayer import Replayer
from florlib.runtime.resumer import Resumer
from florlib.runtime.session import Session, process_identity
from florlib.runtime.sources import Sources
from florlib.runtime.temporary import TemporaryPaths
from florlib.stores.journal import read_journal

PRIMARY = ".primary"  # made by the first program of a run, which records from its first line


@dataclass(slots=True)
class Started:
    """A session that has begun, and the way to its program's code."""

    runtime: Runtime

    def code(self, path: str, prologue: str | None) -> types.CodeType | None:
        """The rewritten code of the program's file; None where it cannot be had."""
        session = self.runtime.session
        inside = session.project.relative(path)
        if inside is not None:
            session.note_loaded(inside)
        if inside is None or inside not in session.sources.trees:
            return None
        return session.sources.code(inside, path, prologue)


def start_session(spec: LaunchSpec, path: str, *, rewrites: bool = True) -> Started | None:
    """Begin the session of a program, or None where it is to run as if flor were not there.

    Args:
        spec: what this process was told.
        path: of the program's file.
        rewrites: False where the program runs already, and its loops are as they are.
    """
    with guarded("start"):
        project = Project.at(spec.project)
        session: Session | None
        if spec.mode == "record":
            session = _recorder(spec, project, path, rewrites)
        else:
            session = _replayer(spec, project, path)
        if session is None:
            return None
        _listen(session)
        return Started(Runtime(session))
    return None


def _listen(session: Session) -> None:
    session.sources.clock()  # now, and not beside training
    relative = session.project.relative
    session.taps = tap_standard_streams(session.line, lambda file: relative(file) is not None)
    on_degraded(lambda place, text: session.warn("degraded", f"could not {place}: {text}"))
    TemporaryPaths(session)
    if any("argparse" in text for text in session.sources.texts.values()):
        watch_argparse(session)


def _about(spec: LaunchSpec, project: Project, path: str) -> dict[str, Any]:
    return {
        "run": spec.run,
        "mode": spec.mode,
        "replay": Path(spec.replay_dir).name if spec.replay_dir else None,
        "worker": spec.worker,
        "script": path,
        "argv": list(sys.orig_argv),
        "cwd": os.getcwd(),
        "paths": [path for path in map(project.relative, sys.path) if path],
        "python": platform.python_version(),
        "started": _now(),
    }


def _now() -> str:
    from datetime import datetime, timezone

    return datetime.now(timezone.utc).isoformat()


def _recorder(spec: LaunchSpec, project: Project, path: str, rewrites: bool) -> Recorder | None:
    sources = Sources(project)
    sources.rewrites = rewrites
    sources.choose(spec.loop)
    inside = project.relative(path)
    about = _about(spec, project, path)
    session: Recorder
    if spec.resumes is None:
        if inside is not None:
            sources.read(inside)
        session = Recorder(spec, project, sources, about)
    else:
        recorded = RecordedProcess.read(read_journal(Path(spec.run_dir, spec.resumes)).records)
        if recorded is None or not _is_script_of(recorded, inside):
            return None
        sources.given = {} if spec.present_code else recorded.sources
        sources.read(str(inside))
        session = Resumer(spec, project, sources, about, recorded)
    session.files = FileWatch(project, own=Path(spec.run_dir).parents[1])
    session.loop_begins = StepWatch(session).begin
    session.files.in_loop = lambda: bool(session.path)
    if _is_primary(RunLayout(Path(spec.run_dir))):
        session.begin()
    return session


def _is_primary(layout: RunLayout) -> bool:
    try:
        os.close(os.open(layout.folder / PRIMARY, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644))
    except FileExistsError:
        return False
    return True


def _replayer(spec: LaunchSpec, project: Project, path: str) -> Replayer | None:
    assert spec.replay_dir is not None
    layout = ReplayLayout(Path(spec.replay_dir))
    with open_file(layout.plan_file, encoding="utf-8") as file:
        plan = Plan.from_json(json.load(file))
    inside = project.relative(path)
    recorded = _claim_recorded(RunLayout(Path(spec.run_dir)), layout, inside, spec.worker)
    if recorded is None or inside is None:
        return None
    sources = Sources(
        project,
        plan.hindsight,
        plan.wrapped,
        plan.added,
        plan.transparent,
        plan.passing,
        known={*recorded.sources, inside},
    )
    sources.read(inside)
    session = _kind_of(plan)(spec, project, sources, plan, recorded)
    if plan.gone and spec.moves:
        GoneFiles(session)
    session.begin(_about(spec, project, path))
    return session


def _kind_of(plan: Plan) -> type[Replayer]:
    if plan.stop is not None:
        from florlib.runtime.shell.session import ShellSession

        return ShellSession
    return Replayer if plan.expression is None else Prober


def _claim_recorded(
    run: RunLayout, layout: ReplayLayout, inside: str | None, worker: int | None
) -> RecordedProcess | None:
    """The recorded process that this one stands for: same script, rank and order of starting.

    Each of several workers stands for it.
    """
    rank, _ = process_identity()
    found: dict[int, list[tuple[str, str, RecordedProcess]]] = {rank: []}
    for journal in run.journals():
        recorded = RecordedProcess.read(read_journal(journal).records)
        if recorded is not None and _is_script_of(recorded, inside):
            one = (recorded.process["started"], journal.name, recorded)
            found.setdefault(recorded.process["rank"], []).append(one)
    for of_rank in found.values():
        of_rank.sort(key=lambda item: item[:2])
    own = found.pop(rank)
    for number, (_, name, recorded) in enumerate(own):
        try:
            mark = f".{name}" if worker is None else f".{worker}.{name}"
            os.close(os.open(layout.folder / mark, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        except FileExistsError:
            continue
        recorded.keep_in_step(
            [others[number][2] for others in found.values() if number < len(others)]
        )
        return recorded
    return None


def _is_script_of(recorded: RecordedProcess, inside: str | None) -> bool:
    """Whether a recorded process ran the file that is about to run."""
    return inside is not None and ("/" + recorded.process["script"]).endswith("/" + inside)


def finish_session(session: Session, how: str | None = None) -> None:
    """End a session as its process ends; forked children have none.

    Args:
        session: that ends.
        how: in a word; None for what the interpreter knows.
    """
    if not session.active:
        return
    with guarded("finish"):
        taps: list[LineTap] = session.taps
        for tap in taps:
            tap.close()
        if session.files is not None:
            session.files.active = False
            for record in (session.files.news(), *session.files.left()):
                if record is not None:
                    session.append(record)
            for path, file, line in session.files.outside():
                text = (
                    f"{file}:{line}: {path} is outside of the project, and stays as the run left it"
                )
                session.warn("outside-file", text, file=file, line=line)
            for record in session.files.executed(session.sources.texts):
                session.append(record)
        if how is None:
            how = "exception" if getattr(sys, "last_value", None) is not None else "exit"
        session.finish(how, 1 if how == "exception" else None)
