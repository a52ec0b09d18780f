"""Starting a child: its end as it was, its signals passed on, its environment."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from florctl.orchestrate.launch import Ended, children, guest_environment, run_child
from florlib.ground.launch import VARIABLE, LaunchSpec

pytestmark = pytest.mark.process

SPEC = LaunchSpec("record", "r", "/runs/r", "/project")
PARENT = """\
import os, sys
from florctl.orchestrate.launch import run_child
ended = run_child([sys.executable, "-c", sys.argv[1]], environ=os.environ)
print(ended.shell_status)
"""
CHILD = """\
import signal, sys
seen = []
def note(number, frame):
    seen.append(number)
    if number == signal.SIGUSR1:
        print("heard", flush=True)
    else:
        print(*map(int, seen)); sys.exit(len(seen))
for name in ("SIGTERM", "SIGINT", "SIGHUP", "SIGUSR1"):
    if signal.getsignal(getattr(signal, name)) != signal.SIG_IGN:
        signal.signal(getattr(signal, name), note)
print("ready", flush=True)
while True:
    signal.pause()
"""


def start(*before: str) -> subprocess.Popen[str]:
    """A process that runs CHILD through `run_child`, without a terminal, once CHILD is ready."""
    words = [*before, sys.executable, "-c", PARENT, CHILD]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen(
        words, stdout=subprocess.PIPE, text=True, env=environ, start_new_session=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGHUP"])
def test_a_signal_to_flor_alone_is_passed_on(name: str) -> None:
    number = int(getattr(signal, name))
    with start() as process:
        process.send_signal(signal.SIGUSR1)
        assert process.stdout is not None
        assert process.stdout.readline() == "heard\n"
        process.send_signal(number)
        out, _ = process.communicate(timeout=60)

    assert out == f"{int(signal.SIGUSR1)} {number}\n2\n"


def test_what_was_ignored_stays_ignored() -> None:
    ignoring = "import os, signal, sys; signal.signal(1, signal.SIG_IGN); os.execvp(sys.argv[1], sys.argv[1:])"
    with start(sys.executable, "-c", ignoring) as process:
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=60)

    assert out == f"{int(signal.SIGTERM)}\n1\n"


@pytest.mark.parametrize(
    ("code", "ended", "status"),
    [
        ("pass", Ended(0, None), 0),
        ("raise SystemExit(3)", Ended(3, None), 3),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", Ended(None, 9), 137),
    ],
)
def test_the_end_is_told_as_it_was(code: str, ended: Ended, status: int) -> None:
    found = run_child([sys.executable, "-c", code], environ=os.environ)

    assert (found, found.shell_status) == (ended, status)


def test_handlers_are_put_back() -> None:
    names = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT")
    before = [signal.getsignal(getattr(signal, name)) for name in names]

    run_child([sys.executable, "-c", ""], environ=os.environ)

    assert [signal.getsignal(getattr(signal, name)) for name in names] == before


def test_output_goes_to_a_file_and_nothing_is_read(tmp_path: Path) -> None:
    code = "import os, sys; print(os.getcwd(), sys.stdin.read()); print('to err', file=sys.stderr)"

    with (tmp_path / "out").open("wb") as output:
        words = [sys.executable, "-u", "-c", code]
        with children() as group:
            group.start(words, environ=os.environ, cwd=tmp_path, output=output).wait()

    assert (tmp_path / "out").read_text() == f"{tmp_path} \nto err\n"


def test_a_command_that_is_not_there() -> None:
    with pytest.raises(FileNotFoundError):
        run_child(["/no/such/program"], environ=os.environ)


def test_the_environment_of_a_guest() -> None:
    environ = guest_environment({"A": "b", "PYTHONPATH": "/x:/y"}, SPEC, python_path=["/src"])

    door, *rest = environ["PYTHONPATH"].split(os.pathsep)
    assert (Path(door) / "sitecustomize.py").is_file()
    assert rest == ["/src", "/x", "/y"]
    assert environ["A"] == "b"
    assert LaunchSpec.from_environment(environ) == SPEC
    assert json.loads(environ[VARIABLE])["mode"] == "record"


def test_no_path_is_made_up() -> None:
    assert os.pathsep not in guest_environment({}, SPEC)["PYTHONPATH"]
    assert os.pathsep not in guest_environment({"PYTHONPATH": ""}, SPEC)["PYTHONPATH"]
