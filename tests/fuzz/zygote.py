"""Runs Python commands as forks of one process that has imported already what they import.

Started as a program, it reads a command a line (JSON) and answers with how it ended. A fork is made
to look like an interpreter that has just started: its own argv, environment, `sys.path`, streams and
`__main__`. flor's door, its path hook and its loader are entered as CPython enters them.

Which processes are forks is the program's argument. With `commands` it is `flor` alone: what `flor`
starts, the user's command, is a real process. With `scripts` that is a fork as well, of a process that
has torch.

What differs from a real start is how much is imported, and that the hash seed is one for all. So
whatever is found in scripts that are forks is confirmed with the real commands before it counts
(trial.py).
"""

from __future__ import annotations

import atexit
import builtins
import gc
import importlib
import io
import json
import os
import pkgutil
import runpy
import signal
import subprocess
import sys
import threading
import types
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn
from zlib import crc32

from tests.exactness import divided

_OF_COMMANDS = (
    "florctl.cli.app",
    "florctl.cli.record",
    "florctl.cli.replay",
    "florctl.cli.log",
    "florctl.cli.views.summary",
    "florctl.cli.views.answer",
    "florctl.cli.views.runs",
    "florctl.orchestrate.answers.harvest",
    "florctl.orchestrate.recording.record",
    "florctl.cli.views.progress",
    "florctl.orchestrate.replaying.replay",
    "florctl.orchestrate.replaying.tally",
    "florctl.orchestrate.answers.lookup",
    "florctl.orchestrate.replaying.report",
    "florctl.orchestrate.planning.sandbox",
    "florlib.stores.catalog",
    "florlib.stores.checkpoints",
    "florlib.stores.journal",
    "florlib.stores.versions",
    "florlib.source.rewrite",
    "florlib.source.clock",
    "florlib.source.liveness",
    "florlib.source.taint",
    "florlib.source.training",
    "dulwich.repo",
    "dulwich.worktree",
    "importlib.metadata",
    "sqlite_utils",
    "rich.table",
)
_OF_SCRIPTS = (
    "numpy",
    "torch",
    "torch._dynamo",  # which the first optimizer imports
    "torch.optim.swa_utils",
    "torch.utils.data",
    "argparse",
    "copy",
    "hashlib",
    "dataclasses",
    "cloudpickle",
)
# Not the guest itself: it notes at import what the process began with.
_OWN_PATH = tuple(path for path in sys.path if path not in ("", os.getcwd()))
_SITE = "_site"


def serve(kind: str) -> None:
    """Answer commands until standard input ends; `kind` says which processes are forks."""
    for name in (*_OF_COMMANDS, *(_OF_SCRIPTS if kind == "scripts" else ())):
        importlib.import_module(name)
    gc.freeze()
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    for descriptor in (requests.fileno(), answers.fileno()):
        os.set_inheritable(descriptor, False)
    for line in requests:
        wanted = json.loads(line)
        process = os.fork()
        if process == 0:
            os.setpgid(0, 0)
            _redirect(wanted["stdin"], wanted["stdout"], wanted["stderr"])
            os.close(requests.fileno())
            os.close(answers.fileno())
            if kind == "scripts" and wanted["words"][1:3] == ["-m", "florctl"]:
                _fork_scripts(wanted["words"])
            become(wanted["words"], wanted["environ"], wanted["cwd"])
        answers.write(json.dumps({"pid": process}).encode() + b"\n")
        answers.flush()
        _, status = os.waitpid(process, 0)
        answers.write(json.dumps({"status": os.waitstatus_to_exitcode(status)}).encode() + b"\n")
        answers.flush()


def _redirect(stdin: str, stdout: str, stderr: str) -> None:
    for path in (stdout, stderr):  # what an earlier command has left running keeps its own
        with suppress(FileNotFoundError):
            os.unlink(path)
    for target, path, flags in (
        (0, stdin, os.O_RDONLY),
        (1, stdout, os.O_WRONLY | os.O_CREAT | os.O_TRUNC),
        (2, stderr, os.O_WRONLY | os.O_CREAT | os.O_TRUNC),
    ):
        descriptor = os.open(path, flags, 0o644)
        os.dup2(descriptor, target)
        os.close(descriptor)


def become(words: Sequence[str], environ: Mapping[str, str], cwd: str) -> NoReturn:
    """Turn this fork into the process that `python WORDS` would be, to its end."""
    os.environ.clear()
    os.environ.update(environ)
    os.chdir(cwd)
    sys.orig_argv = list(words)
    folders = [path for path in environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    sys.path[:] = [*folders, *_OWN_PATH]
    _open_streams()
    _draw_seeds()
    status = 1
    try:
        _enter_door(folders)
        if words[1] == "-m":
            sys.argv = ["-m", *words[3:]]
            sys.path.insert(0, cwd)
            runpy._run_module_as_main(words[2])  # type: ignore[attr-defined]
        else:
            _run_script(words[1:])
        status = 0
    except SystemExit as end:
        status = _exit_code(end)
    except BaseException as error:  # noqa: BLE001
        sys.last_value = error
        sys.excepthook(type(error), error, error.__traceback__)
    _finish(status)


def _open_streams() -> None:
    for name, descriptor, mode in (("stdin", 0, "r"), ("stdout", 1, "w"), ("stderr", 2, "w")):
        raw = open(descriptor, mode + "b", closefd=False)
        stream = io.TextIOWrapper(raw, encoding="utf-8", line_buffering=name == "stderr")
        stream.mode = mode
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def _draw_seeds() -> None:
    """Seeds of its own, as every process draws them; torch's is the same in all."""
    import random

    import numpy

    random.seed()
    numpy.random.seed()


def _enter_door(folders: Sequence[str]) -> None:
    """Import sitecustomize, as site does, where flor's folder is on PYTHONPATH."""
    if any(Path(folder).name == _SITE for folder in folders):
        sys.modules.pop("sitecustomize", None)
        importlib.import_module("sitecustomize")


def _fresh_main() -> dict[str, Any]:
    main = types.ModuleType("__main__")
    main.__dict__["__builtins__"] = builtins
    sys.modules["__main__"] = main
    return main.__dict__


def _run_script(words: Sequence[str]) -> None:
    """What CPython does for `python SCRIPT`: it asks the path hooks first (pymain_run_python)."""
    script = os.path.abspath(words[0])
    sys.argv = list(words)
    names = _fresh_main()
    sys.path_importer_cache.pop(script, None)
    if pkgutil.get_importer(script) is not None:
        sys.path.insert(0, script)
        runpy._run_module_as_main("__main__", False)  # type: ignore[attr-defined]
        return
    sys.path.insert(0, os.path.dirname(os.path.realpath(script)))
    names |= {"__file__": script, "__cached__": None, "__spec__": None, "__package__": None}
    names["__loader__"] = importlib.machinery.SourceFileLoader("__main__", script)
    code = compile(Path(script).read_bytes(), script, "exec", dont_inherit=True)
    exec(code, names)


def _exit_code(end: SystemExit) -> int:
    if end.code is None or isinstance(end.code, int):
        return end.code or 0
    print(end.code, file=sys.stderr)
    return 1


def _finish(status: int) -> NoReturn:
    """End as an interpreter does, up to what it tears down."""
    with suppress(BaseException):
        threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()
    os._exit(status)


class _Forked:
    """Stands for `subprocess.Popen` where flor starts the user's command."""

    def __init__(
        self, words: Sequence[str], env: Mapping[str, str], cwd: Path | None, **streams: Any
    ) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        self._status: int | None = None
        self.pid = os.fork()
        if self.pid:
            return
        if "stdout" in streams:
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(streams["stdout"].fileno(), 1)
            os.dup2(1, 2)
        atexit._clear()  # what the command line registered is not the script's
        become(words, env, str(cwd or os.getcwd()))

    def wait(self) -> int:
        """Its status, below 0 where a signal ended it."""
        if self._status is None:
            self._status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self._status

    def poll(self) -> int | None:
        """The same; None while it runs."""
        if self._status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self._status = os.waitstatus_to_exitcode(status) if pid else None
        return self._status

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def send_signal(self, number: int) -> None:
        """Pass a signal on, as long as it runs."""
        if self.poll() is None:
            os.kill(self.pid, number)


def _fork_scripts(words: Sequence[str]) -> None:
    """Have flor start the user's commands as forks, and divide work among them at random."""
    from florctl.orchestrate import launch

    if "--workers" in words:
        divided.install(crc32(" ".join(words[3:]).encode()))

    launch.subprocess = types.SimpleNamespace(  # type: ignore[assignment]
        Popen=_Forked, DEVNULL=subprocess.DEVNULL, STDOUT=subprocess.STDOUT
    )


if __name__ == "__main__":
    serve(sys.argv[1])
