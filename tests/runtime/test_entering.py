"""A script that is entered by the hook sees, prints and ends as it does alone."""

from __future__ import annotations

import os
import sys

import pytest

from tests.runtime.programs import TRAINING, Program

pytestmark = pytest.mark.process

WORLD = """\
import json, os, sys
import __main__

seen = {
    "argv": sys.argv,
    "orig_argv": sys.orig_argv,
    "path": sys.path,
    "file": __file__,
    "name": __name__,
    "spec": repr(__spec__).partition(" at 0x")[0],
    "package": __package__,
    "cached": repr(__main__.__dict__.get("__cached__", "none")),
    "loader": type(__loader__).__name__,
    "doc": __doc__,
    "main": sys.modules["__main__"].__dict__ is globals(),
    "builtins": __builtins__.__name__,
    "flags": str(sys.flags),
    "annotations": list(__annotations__) if "__annotations__" in globals() else None,
    "cwd": os.getcwd(),
    "names": sorted(name for name in globals() if name.startswith("__")),
}
print(json.dumps(seen, indent=1))
"""


def world(first: str = "") -> str:
    return first + WORLD + TRAINING


@pytest.mark.parametrize(
    "words",
    [
        ("train.py", "--lr", "0.1", ""),
        ("./train.py",),
        ("-u", "train.py"),
        ("-X", "dev", "train.py"),
        ("-Bsu", "-W", "ignore", "train.py", "-m", "x"),
        ("-OO", "train.py"),
        ("-P", "train.py"),
        ("sub/../train.py",),
        ("link.py",),
    ],
    ids=" ".join,
)
def test_the_world_of_a_script(program: Program, words: tuple[str, ...]) -> None:
    if "-P" in words and sys.version_info < (3, 11):
        pytest.skip("-P came with Python 3.11")
    program.write({"train.py": world('"""What it does."""\nfrom __future__ import annotations\n')})
    program.write({"sub/other.py": ""})
    (program.folder / "link.py").symlink_to("sub/../train.py")

    plain, recorded = program.both(*words)

    assert recorded == plain
    assert plain.status == 0
    assert len(program.kinds("iteration")) == 3


@pytest.mark.parametrize("words", [("-m", "pkg.train", "a"), ("-um", "pkg"), ("-mpkg.train",)])
def test_the_world_of_a_module(program: Program, words: tuple[str, ...]) -> None:
    program.write({"pkg/__init__.py": "", "pkg/train.py": world(), "pkg/__main__.py": world()})

    plain, recorded = program.both(*words)

    assert recorded == plain
    assert plain.status == 0
    assert len(program.kinds("iteration")) == 3


@pytest.mark.parametrize("name", ["pkg.train", "pkg.parts.train", "pkg"])
def test_what_packages_import_before_the_program_is_followed(program: Program, name: str) -> None:
    text = "from pkg.engine import fit\nimport sys\nprint(sys.argv[1:], __name__)\nfit()\n"
    engine = "def fit():\n" + "".join(f"    {line}\n" for line in TRAINING.splitlines())
    program.write(
        {
            "pkg/__init__.py": "from .engine import fit\n",
            "pkg/engine.py": engine,
            "pkg/parts/__init__.py": "from ..engine import *\n",
            "pkg/parts/train.py": text,
            "pkg/train.py": text,
            "pkg/__main__.py": text,
        }
    )

    plain, recorded = program.both("-m", name, "word")

    assert recorded == plain
    assert plain.status == 0
    assert len(program.kinds("iteration")) == 3


def test_a_script_in_another_folder(program: Program) -> None:
    program.write({"deep/train.py": "import beside\n" + world(), "deep/beside.py": ""})

    plain, recorded = program.both("deep/train.py")

    assert recorded == plain
    assert len(program.kinds("iteration")) == 3


ENDINGS = {
    "normally": "",
    "status": "import sys; sys.exit(3)",
    "true": "import sys; sys.exit(True)",
    "text": "import sys; sys.exit('what went wrong')",
    "object": "import sys; sys.exit(['a', 1])",
    "SystemExit": "raise SystemExit(7)",
    "hard": "import os; os._exit(5)",
    "interrupt": "raise KeyboardInterrupt",
    "signal": "import os, signal; os.kill(os.getpid(), signal.SIGTERM)",
    "abort": "import os; os.abort()",
    "uncaught": "def f():\n    return 1 / 0\nf()",
    "chained": (
        "try:\n    {}['a']\nexcept KeyError as error:\n    raise ValueError('x') from error"
    ),
    "group": "raise ValueError('a\\nb')",
    "in a loop": "for epoch in range(2):\n    class L:\n        backward = lambda self: 1 / 0\n"
    "    L().backward()",
    "own hook": "import sys\nsys.excepthook = lambda *a: print('mine', a[0].__name__)\n1 / 0",
    "atexit": "import atexit\natexit.register(print, 'bye')\nraise RuntimeError('x')",
    "thread": "import threading\nt = threading.Thread(target=lambda: 1 / 0, name='t')\n"
    "t.start()\nt.join()",
    "warning": "import warnings\nwarnings.warn('look out')",
    "in what a loop goes over": "def batches():\n    yield 1\n    raise ValueError('x')\n"
    "class L:\n    backward = print\nfor batch in batches():\n    L().backward()",
    "caused in a loop": "def batches():\n    yield {}['a']\nclass L:\n    backward = print\n"
    "try:\n    for batch in batches():\n        L().backward()\n"
    "except KeyError as error:\n    raise ValueError from error",
    "syntax": "x = (1,\nprint(",
    "indentation": "if True:\nx = 1",
    "encoding": "# -*- coding: nonsense -*-\n",
    "missing module": "import nothing_of_this_name",
    "traceback": "import traceback\ntry:\n    1 / 0\nexcept ZeroDivisionError:\n"
    "    traceback.print_exc()",
    "stack": "import traceback\ndef f():\n    traceback.print_stack(limit=2)\nf()",
    "warns at line": "import warnings\n\n\nwarnings.warn('x', stacklevel=1)",
}


@pytest.mark.parametrize("ending", ENDINGS.values(), ids=ENDINGS)
def test_a_script_ends_as_it_would_alone(program: Program, ending: str) -> None:
    program.write({"train.py": "print('begun')\n" + ending + "\n"})

    plain, recorded = program.both("train.py")

    assert recorded == plain


def test_a_syntax_error_in_a_module_looks_as_alone(program: Program) -> None:
    program.write({"train.py": "import model\n", "model.py": "def f(:\n"})

    plain, recorded = program.both("train.py")

    assert recorded == plain


def test_an_error_in_a_rewritten_loop_points_at_the_users_lines(program: Program) -> None:
    text = TRAINING.replace("pass", "raise ValueError(epoch)")
    program.write({"train.py": text, "model.py": text.replace("for epoch", "for  epoch")})

    plain, recorded = program.both("train.py")
    again = program.both("-c", "import model")

    assert recorded == plain
    assert b"" == plain.stdout
    assert "line 7, in <module>" in recorded.stderr
    assert again[0] == again[1]


def test_scripts_from_other_places_pass_through(program: Program, tmp_path) -> None:
    program.write({"train.py": ""})
    (tmp_path / "other.py").write_text(world(), encoding="utf-8")

    plain, recorded = program.both(str(tmp_path / "other.py"))
    plain_code, code = program.both("-c", world("if True: '''x'''\n").replace("__file__", "'-c'"))
    plain_input, stdin = program.both("-", stdin=world().replace("__file__", "'-'").encode())

    assert (recorded, code, stdin) == (plain, plain_code, plain_input)
    assert program.journals == []


def test_installed_launchers_pass_through(program: Program) -> None:
    program.write({"train.py": TRAINING})

    plain, recorded = program.both("-m", "timeit", "-n1", "-r1", "import train")

    assert recorded.status == plain.status == 0
    assert program.journals == []


def test_interpreters_that_ignore_the_environment_run_alone(program: Program) -> None:
    program.write({"train.py": world()})

    plain, recorded = program.both("-I", "train.py")
    no_site = program.run("-S", "train.py", hooked=True)

    assert recorded == plain
    assert no_site.status == 0
    assert program.journals == []


def test_the_users_own_sitecustomize_comes_first(program: Program, tmp_path) -> None:
    program.write({"train.py": "import sitecustomize\nprint(sitecustomize.__file__)\n" + TRAINING})
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "sitecustomize.py").write_text("print('mine')\n", encoding="utf-8")

    plain, recorded = program.both("train.py", python_path=str(tmp_path / "own"))

    assert recorded == plain
    assert recorded.stdout.startswith(b"mine\n")
    assert len(program.kinds("iteration")) == 3


def test_a_sitecustomize_that_fails_fails_as_alone(program: Program, tmp_path) -> None:
    program.write({"train.py": TRAINING})
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "sitecustomize.py").write_text("1 / 0\n", encoding="utf-8")

    plain, recorded = program.both("train.py", python_path=str(tmp_path / "own"))

    assert recorded == plain
    assert len(program.kinds("iteration")) == 3


def test_an_environment_without_what_flor_needs(program: Program, tmp_path) -> None:
    program.write({"train.py": world()})
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "xxhash.py").write_text("raise ImportError('none')\n", encoding="utf-8")

    plain, recorded = program.both("train.py", python_path=str(tmp_path / "own"))

    assert (recorded.status, recorded.stdout) == (0, plain.stdout)
    assert recorded.stderr == (
        "warning: flor cannot enter this process (none); it runs unrecorded\n"
    )


CHILDREN = """\
import multiprocessing, pickle, subprocess, sys

class Item:
    def __init__(self, n):
        self.n = n
    def __eq__(self, other):
        return self.n == other.n

def double(item):
    return Item(item.n * 2)

if __name__ == "__main__":
    for how in ("spawn", "fork"):
        with multiprocessing.get_context(how).Pool(2) as pool:
            print(how, pool.map(double, [Item(1), Item(2)]) == [Item(2), Item(4)], flush=True)
    print(pickle.loads(pickle.dumps(Item(3))).n, Item.__module__, flush=True)
    subprocess.run([sys.executable, "-c", "import sys; print(sys.argv)"], check=True)
"""


def test_children_find_the_classes_of_main(program: Program) -> None:
    program.write(
        {"train.py": CHILDREN + "\n".join("    " + line for line in TRAINING.split("\n"))}
    )

    plain, recorded = program.both("train.py")

    assert recorded == plain
    assert recorded.status == 0
    assert len(program.kinds("iteration")) == 3


def test_two_scripts_of_a_shell_script_give_two_journals(program: Program) -> None:
    program.write(
        {
            "run.sh": f"cd sub\n{sys.executable} one.py && {sys.executable} ../two.py\n",
            "sub/one.py": "print('one')\n" + TRAINING,
            "two.py": "print('two')\n" + TRAINING,
            "three.py": "print('never run')",
        }
    )

    plain, recorded = program.both(command=("bash", "run.sh"))

    assert recorded == plain
    scripts = [one[0]["script"].rpartition("/")[2] for one in program.journals]
    assert sorted(scripts) == ["one.py", "two.py"]
    folders = sorted(one[0]["checkpoints"] for one in program.journals)
    assert folders[0] == "checkpoints"
    assert folders[1].startswith("checkpoints/0.")


def test_a_second_program_without_a_loop_leaves_no_journal(program: Program) -> None:
    program.write(
        {
            "train.py": "import subprocess, sys\n"
            "subprocess.run([sys.executable, 'look.py'], check=True)\n" + TRAINING,
            "look.py": "for n in range(3):\n    print(n)\n",
        }
    )

    ran = program.run("train.py", hooked=True)

    assert (ran.status, ran.stdout) == (0, b"0\n1\n2\n")
    assert len(program.journals) == 1


def test_a_home_that_cannot_be_written_stops_nothing(program: Program) -> None:
    program.write({"train.py": "print('trained')\n" + TRAINING})
    program.run_dir.mkdir()
    program.run_dir.chmod(0o500)
    if os.access(program.run_dir, os.W_OK):  # root writes everywhere: put a file in its place
        program.run_dir.chmod(0o700)
        program.run_dir.rmdir()
        program.run_dir.write_text("no folder", encoding="utf-8")

    ran = program.run("train.py", hooked=True)

    assert (ran.status, ran.stdout) == (0, b"trained\n")
    assert ran.stderr.count("warning: flor could not") == len(ran.stderr.splitlines()) == 1
