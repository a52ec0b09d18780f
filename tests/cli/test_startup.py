"""What is imported when: the first screen of `flor` and a user's process pay only for what they use.

Modules are counted instead of milliseconds: a list in sys.modules is the same on every machine.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.runner import FlorRunner

HEAVY = ("torch", "numpy", "pandas", "dulwich", "sqlite_utils", "safetensors", "cloudpickle")
NOT_FOR_GUESTS = (
    "typer",
    "rich",
    "dulwich",
    "sqlite_utils",
    "florctl",
    "florlib.hindsight",
    "florlib.stores.catalog",
    "florlib.stores.versions",
)


def imported_by(code: str) -> set[str]:
    """Names in sys.modules of a fresh interpreter after `code`, which must not print."""
    code += "\nimport sys\nprint(*sys.modules, sep='\\n', file=sys.stderr)"
    child = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return set(child.stderr.split())


def test_the_command_tree_is_built_without_heavy_imports():
    imported = imported_by("import florctl.cli.app")

    assert imported.isdisjoint({*HEAVY, "rich"})


@pytest.mark.parametrize("words", [["--help"], ["log", "--help"], ["record", "--help"]])
def test_help_is_shown_without_heavy_imports(words):
    code = f"""if True:
        import sys
        from florctl.cli.app import main
        sys.argv = ["flor", *{words}]
        try:
            main()
        except SystemExit as end:
            assert not end.code, end.code
        """

    assert imported_by(code).isdisjoint({*HEAVY, "rich"})


def test_the_first_page_is_that_of_the_tree_and_loads_nothing(flor: FlorRunner, tmp_path: Path):
    (tmp_path / "tree.py").write_text("from florctl.cli.app import main\nmain(['--help'])\n")
    tree = subprocess.run(
        [sys.executable, "tree.py"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    code = """if True:
        import sys
        sys.argv = ["flor", "-h"]
        from florctl.cli.entry import main
        assert main() == 0
        """

    assert flor("--help").stdout == tree.stdout
    assert flor("--help", COLUMNS="60").stdout != tree.stdout
    assert imported_by(code).isdisjoint({*HEAVY, "rich", "typer", "florctl.cli.app"})


def test_import_flor_is_light():
    imported = imported_by("import flor")

    assert imported.isdisjoint({*HEAVY, *NOT_FOR_GUESTS})


SCRIPT = """\
import sys

import torch

weight = torch.zeros(3, requires_grad=True)
optimizer = torch.optim.SGD([weight], lr=0.1)
for epoch in range(2):
    for step in range(2):
        optimizer.zero_grad()
        ((weight - 1) ** 2).sum().backward()
        optimizer.step()
    print("loss", float(weight.sum()))

with open("modules.txt", "w") as modules:
    print(*sorted(sys.modules), sep="\\n", file=modules)
"""


@pytest.mark.process
def test_a_recorded_process_imports_nothing_of_the_control_side(flor: FlorRunner, tmp_path: Path):
    (tmp_path / "train.py").write_text(SCRIPT)

    recorded = flor("record", "train.py")

    assert recorded.returncode == 0, recorded.stderr
    imported = set((tmp_path / "modules.txt").read_text().split())
    assert "florlib.runtime" in imported, "the script ran without flor"
    assert imported.isdisjoint(NOT_FOR_GUESTS)
