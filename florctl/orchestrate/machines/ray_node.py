"""What runs on a node of a Ray cluster: looking at the node, and one worker of a replay.

Ray sends this file's functions by their code, so a node needs no florctl for them; they stand on
the standard library and `parcels` alone, and their arguments are plain.
"""

from __future__ import annotations

import glob
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from typing import Any

from florctl.orchestrate.machines.parcels import Item, lay, pack, stamps

FOLDER = "flor-"  # of a replay that was sent here, and its id
LAUNCH = "FLOR_LAUNCH"
_LOOK_S = 0.05
_ENDING_S = 20.0  # that a script has after Ctrl-C
_ASKING_S = 120.0
# What belongs to the machine; all else of the environment is as where flor was called.
_OF_THE_MACHINE = (
    "CUDA_VISIBLE_DEVICES",
    "HOME",
    "HOSTNAME",
    "LD_LIBRARY_PATH",
    "LOGNAME",
    "ROCR_VISIBLE_DEVICES",
    "SHELL",
    "TMPDIR",
    "USER",
)
# Run by the interpreter that the script will have; what it imports is not loaded for that.
_ASK = """
import hashlib, importlib.metadata, importlib.util, json, os, platform, sys
def version(name):
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
sys.path.insert(0, sys.argv[1])
found = importlib.util.find_spec("florlib")
root, digest = None, hashlib.sha256()
if found is not None and found.origin:
    folder = os.path.dirname(found.origin)
    root = os.path.dirname(folder)
    for where, folders, names in sorted(os.walk(folder)):
        for name in sorted(names):
            if name.endswith(".py"):
                path = os.path.join(where, name)
                digest.update(os.path.relpath(path, folder).encode())
                with open(path, "rb") as file:
                    digest.update(file.read())
print(json.dumps({"python": platform.python_version(), "torch": version("torch"),
    "numpy": version("numpy"), "root": root, "flor": root and digest.hexdigest()}))
"""
# Ends with the process that started it, whatever ends that; and hears Ctrl-C, which Ray does not.
_TIED = """
import os, signal, sys
if sys.platform == "linux":
    import ctypes
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    if os.getppid() != int(sys.argv[1]):
        os._exit(1)
signal.signal(signal.SIGINT, signal.SIG_DFL)
signal.pthread_sigmask(signal.SIG_SETMASK, [])
os.execvp(sys.argv[2], sys.argv[2:])
"""


def interpreter_facts(interpreter: str, root: str) -> dict[str, Any]:
    """What an interpreter has: versions, where its flor lies, and a digest of that.

    Args:
        interpreter: to be asked.
        root: where flor lies where it was called, which is taken if it is there.

    Raises:
        OSError, subprocess.SubprocessError, ValueError: it does not answer.
    """
    environ = {name: value for name, value in os.environ.items() if name != LAUNCH}
    told = subprocess.run(
        [interpreter, "-c", _ASK, root],
        env=environ,
        cwd="/",
        capture_output=True,
        check=True,
        timeout=_ASKING_S,
    )
    facts: dict[str, Any] = json.loads(told.stdout)
    return facts


def interpreter_here(recorded: str) -> str:
    """The interpreter of the record, where it is; else the one of the cluster."""
    return recorded if os.access(recorded, os.X_OK) else sys.executable


def difference(facts: Mapping[str, Any], expected: Mapping[str, Any]) -> str | None:
    """In which way an interpreter is not what was recorded, or runs another flor; None for none.

    >>> difference({"flor": "a", "torch": "2.12"}, {"flor": "a", "torch": "2.13"})
    'has torch 2.12, and the run was recorded with 2.13'
    """
    if facts["flor"] != expected["flor"]:
        return "has no flor" if facts["flor"] is None else "has another flor than this one"
    for name, version in expected.items():
        if facts[name] != version:
            has = f"no {name}" if facts[name] is None else f"{name} {facts[name]}"
            return f"has {has}, and the run was recorded with {version}"
    return None


def node_facts(recorded: str, root: str, seen: Mapping[str, list[int]]) -> dict[str, Any]:
    """What is on this node.

    Args:
        recorded: path of the interpreter that the run was recorded with.
        root: where flor lies where it was called.
        seen: by path, size and ns of change of files that are to be the same here.
    """
    interpreter = interpreter_here(recorded)
    unseen = []
    for path, known in seen.items():
        try:
            about = os.stat(path)
            same = [about.st_size, about.st_mtime_ns] == known
        except OSError:
            same = False
        if not same:
            unseen.append(path)
    found = {"host": platform.node(), "interpreter": interpreter, "unseen": unseen}
    try:
        return {**found, **interpreter_facts(interpreter, root)}
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        return {**found, "problem": str(error)}


def work(job: Mapping[str, Any]) -> dict[str, Any]:
    """Run a worker to its end.

    Args:
        job: `command`, `environ`, `cwd`, `output`; `recorded`, the interpreter of the record;
            `root`, where flor lies where it was called; `expected`, of `difference`; `needed`,
            by path, the size of files (None for folders) that have to be here. Where the folder is not shared, also `run_dir`,
            `replay_dir`, and `entries`, what was sent, relative to the former.

    Returns:
        `code`, as subprocess has it, and `back`, what was written below the replay's folder;
        or `unstarted`, why it could not be.
    """
    for path, size in job["needed"].items():
        if not os.path.exists(path) or (size is not None and os.path.getsize(path) != size):
            return {"unstarted": f"node {platform.node()} does not have {path} as it is here"}
    if "entries" not in job:
        return _run(job, lambda text: text)
    import ray

    replay = os.path.basename(job["replay_dir"])
    folder = tempfile.mkdtemp(prefix=f"{FOLDER}{replay}-")
    try:
        run = os.path.join(os.path.realpath(folder), "run")
        lay(
            run, job["entries"], lambda chunk: chunk if isinstance(chunk, bytes) else ray.get(chunk)
        )
        below = os.path.join(run, os.path.relpath(job["replay_dir"], job["run_dir"]))
        before = stamps(below)
        result = _run(job, lambda text: _replaced(text, job["run_dir"], run))
        changed = [name for name, stamp in stamps(below).items() if before.get(name) != stamp]
        items = [Item(name, os.path.join(below, name)) for name in sorted(changed)]
        return {**result, "back": pack(items, lambda chunk: chunk)}
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(job: Mapping[str, Any], moved: Callable[[str], str]) -> dict[str, Any]:
    """Run the command of a job, with paths as they are here."""
    interpreter = interpreter_here(job["recorded"])
    facts = interpreter_facts(interpreter, job["root"])
    differs = difference(facts, job["expected"])
    if differs is not None:  # a node that has come since the others were looked at
        return {"unstarted": f"node {platform.node()} {differs}"}
    environ = {}
    for name, value in job["environ"].items():
        environ[name] = _moved_json(value, moved) if name == LAUNCH else moved(value)
    folders = environ["PYTHONPATH"].split(os.pathsep)
    environ["PYTHONPATH"] = os.pathsep.join(
        [folders[0].replace(job["root"], facts["root"]), *folders[1:]]
    )
    paths = [environ.get("PATH"), os.environ.get("PATH")]
    environ["PATH"] = os.pathsep.join(path for path in paths if path)
    for name in _OF_THE_MACHINE:
        environ.pop(name, None)
        if name in os.environ:
            environ[name] = os.environ[name]
    program, *words = job["command"]
    program = interpreter if program == job["recorded"] else moved(program)
    cwd = moved(job["cwd"])
    if shutil.which(program, path=environ["PATH"]) is None or not os.path.isdir(cwd):
        return {"unstarted": f"{program} cannot be started in {cwd} on node {platform.node()}"}
    tied = [sys.executable, "-I", "-S", "-c", _TIED, str(os.getpid()), program]
    with open(moved(job["output"]), "wb") as output:
        process = subprocess.Popen(
            [*tied, *map(moved, words)],
            env=environ,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    return {"code": _waited(process)}


def _waited(process: subprocess.Popen[bytes]) -> int:
    """Wait for a process; where the task is cancelled, it is interrupted and waited for."""
    try:
        # Ray raises it between two instructions, and does not wake what waits in the system.
        while (code := process.poll()) is None:
            time.sleep(_LOOK_S)
        return code
    except KeyboardInterrupt:
        process.send_signal(signal.SIGINT)
    try:
        return process.wait(timeout=_ENDING_S)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def _replaced(text: str, folder: str, standin: str) -> str:
    """A text with another folder in it, which may be spelled with its links resolved."""
    return text.replace(os.path.realpath(folder), standin).replace(folder, standin)


def _moved_json(text: str, moved: Callable[[str], str]) -> str:
    def through(value: Any) -> Any:
        if isinstance(value, str):
            return moved(value)
        if isinstance(value, list):
            return [through(item) for item in value]
        if isinstance(value, dict):
            return {key: through(item) for key, item in value.items()}
        return value

    return json.dumps(through(json.loads(text)))


def sweep(replay: str) -> None:
    """Remove what tasks that were killed have left of a replay."""
    for folder in glob.glob(os.path.join(tempfile.gettempdir(), f"{FOLDER}{replay}-*")):
        shutil.rmtree(folder, ignore_errors=True)
