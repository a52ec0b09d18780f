"""What a script prints is recorded with its place, and reaches its streams byte for byte."""

from __future__ import annotations

import pytest

from tests.runtime.programs import TRAINING, Program

pytestmark = pytest.mark.process


def in_a_loop(*lines: str) -> str:
    body = "".join(f"    {line}\n" for line in lines)
    return TRAINING.replace("    for step", body + "    for step", 1)


def test_lines_are_recorded_where_they_were_printed(program: Program) -> None:
    text = "print('start', 1)\n" + in_a_loop("print('a\\nb', epoch)")
    program.write({"train.py": text.replace("().backward()", "().backward(); print(step)")})

    plain, recorded = program.both("train.py")

    assert recorded == plain
    assert program.rows("print")[:6] == [
        ("", "start 1"),
        ("epoch=0", "a"),
        ("epoch=0", "b 0"),
        ("epoch=0 step=0", "0"),
        ("epoch=0 step=1", "1"),
        ("epoch=1", "a"),
    ]
    sites = {tuple(site) for record in program.kinds("log") for site in record["sites"]}
    assert ("train.py", 1) in sites


PRINTING = {
    "ends": ("print('a', end=''); print('b', end=' c\\n'); print()", ["ab c", ""]),
    "no end": ("print('a\\nb', end='')", ["a", "b"]),
    "write": (
        "import sys; sys.stdout.write('x\\ny\\n'); sys.stdout.writelines(['z', '\\n'])",
        None,
    ),
    "progress": ("for n in range(3): print(n, end='\\r', flush=True)", None),
    "unicode": ("print('äöü \\u2603')", ["äöü ☃"]),
    "carriage return": ("print('a\\r\\nb')", None),
    "to stderr": ("import sys; print('x', file=sys.stderr); sys.stderr.write('y')", []),
    "bytes": ("import sys; sys.stdout.buffer.write(b'\\xff\\n'); sys.stdout.flush()", []),
    "os.write": ("import os; os.write(1, b'raw\\n')", []),
    "print to a file": ("import io; print('x', file=io.StringIO())", []),
    "replaced": (
        "import io, sys\nold, sys.stdout = sys.stdout, io.StringIO()\nprint('hidden')\n"
        "new, sys.stdout = sys.stdout, old\nprint(repr(new.getvalue()))",
        ["'hidden\\n'"],
    ),
    "redirected": (
        "import contextlib, io\nwith contextlib.redirect_stdout(io.StringIO()) as f: print('x')\n"
        "print(len(f.getvalue()))",
        ["2"],
    ),
    "wrapped": (
        "import sys\nclass Upper:\n    def __init__(self, f): self.f = f\n"
        "    def write(self, text): return self.f.write(text.upper())\n"
        "    def __getattr__(self, name): return getattr(self.f, name)\n"
        "sys.stdout = Upper(sys.stdout)\nprint('loud')",
        ["LOUD"],
    ),
    "rewrapped": (
        "import io, sys\n"
        "sys.stdout = io.TextIOWrapper(sys.stdout.buffer, encoding='latin-1')\nprint('é')",
        None,
    ),
    "detached": ("import sys\nraw = sys.stdout.detach()\nraw.write(b'x\\n')\nraw.flush()", None),
    "reconfigured": (
        "import sys; sys.stdout.reconfigure(errors='replace', line_buffering=True); print('a')",
        ["a"],
    ),
    "closed": ("import sys\nprint('last')\nsys.stdout.close()", ["last"]),
    "closed and used": ("import sys\nsys.stdout.close()\nprint('x')", []),
    "none": ("import sys\nsys.stdout = None\nprint('x')", []),
    "no text": ("import sys\ntry:\n    sys.stdout.write(3)\nexcept TypeError as e: print(e)", None),
    "keyword": (
        "import sys\ntry:\n    sys.stdout.write(s='x')\nexcept TypeError as e: print('refused')",
        ["refused"],
    ),
    "unprintable": ("try:\n    print('\\ud800')\nexcept UnicodeEncodeError: print('no')", None),
    "looks": (
        "import sys\nfor f in (sys.stdin, sys.stdout, sys.stderr):\n"
        "    print(f.name, f.mode, f.isatty(), f.encoding, f.errors, f.fileno(), f.closed,\n"
        "          f.line_buffering, f.newlines, type(f).__name__)\n"
        "print(sys.stdout is sys.__stdout__)",
        None,
    ),
    "threads": (
        "import threading\n"
        "for n in range(4):\n    t = threading.Thread(target=print, args=(n,)); t.start(); t.join()",
        ["0", "1", "2", "3"],
    ),
    "forked": (
        "import os, sys\nprint('before', flush=True)\npid = os.fork()\n"
        "pid and os.waitpid(pid, 0)\nprint('parent' if pid else 'child', flush=True)\n"
        "pid or os._exit(0)",
        None,
    ),
    "forked and ended": (
        "import os, sys\nprint('before', flush=True)\npid = os.fork()\n"
        "if pid == 0: sys.exit(0)\nos.waitpid(pid, 0)\nprint('after')",
        ["before", "after"],
    ),
    "after dup2": (
        "import os\nprint('one', flush=True)\nfd = os.open('out.txt', os.O_CREAT | os.O_WRONLY)\n"
        "os.dup2(fd, 1)\nprint('two')",
        ["one", "two"],
    ),
    "logging": (
        "import logging, sys\nlogging.basicConfig(stream=sys.stdout)\nlogging.warning('w')",
        ["WARNING:root:w"],
    ),
}


@pytest.mark.parametrize(("text", "lines"), PRINTING.values(), ids=PRINTING)
def test_streams_behave_as_alone(program: Program, text: str, lines: list[str] | None) -> None:
    program.write({"train.py": text + "\n" + TRAINING})

    plain, recorded = program.both("train.py")

    assert recorded == plain
    assert len(program.kinds("iteration")) == 3 * (plain.status != 1)
    if lines is not None:
        assert program.prints() == lines


def test_a_forked_child_writes_no_rows(program: Program) -> None:
    text = in_a_loop(
        "import os",
        "print('parent', epoch, flush=True)",
        "pid = os.fork()",
        "if pid == 0:",
        "    print('child', flush=True)",
        "    os._exit(0)",
        "os.waitpid(pid, 0)",
    )
    program.write({"train.py": text})

    plain, recorded = program.both("train.py")

    assert recorded == plain
    assert program.prints() == ["parent 0", "parent 1", "parent 2"]


MOCKS = """\
import builtins, io, json, os, sys, time, threading
from unittest import mock

def refuse(*args, **keywords):
    raise AssertionError("called by somebody else")

for place, name in [
    (builtins, "open"), (os, "open"), (os, "write"), (os, "mkdir"), (os, "close"),
    (os, "rename"), (os, "replace"), (os, "fsync"), (os, "getpid"), (os, "getcwd"),
    (os.path, "exists"), (os.path, "realpath"), (os.path, "isfile"), (os.path, "abspath"),
    (time, "time"), (time, "perf_counter"), (time, "monotonic"), (time, "sleep"),
    (io, "open"),
]:
    mock.patch.object(place, name, refuse).start()
print("mocked")
"""


def test_what_the_script_mocks_is_not_what_flor_uses(program: Program) -> None:
    program.measured = False
    program.write({"train.py": MOCKS + TRAINING + "\nmock.patch.stopall()\n"})

    plain, recorded = program.both("train.py")

    assert recorded == plain
    assert len(program.kinds("iteration")) == 3
    roles = [record["role"] for record in program.kinds("checkpoint")]
    assert (roles.count("boundary"), roles.count("block"), roles.count("step")) == (4, 3, 3)
    assert program.kinds("end")


def test_a_disk_that_is_full_costs_the_record_and_not_the_run(program: Program) -> None:
    text = "import resource, signal\nsignal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n" + in_a_loop(
        "if epoch == 1: resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))",
        "print('epoch', epoch)",
    )
    program.measured = False
    program.write({"train.py": text})

    plain, recorded = program.both("train.py")

    assert (recorded.status, recorded.stdout) == (plain.status, plain.stdout)
    assert recorded.stderr.splitlines() != []
    assert all(line.startswith("warning: flor could not") for line in recorded.stderr.splitlines())
