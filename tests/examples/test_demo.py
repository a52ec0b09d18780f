"""The demo: it ends well, reads well at 80 columns, leaves ~/.flor alone, and tells a wrong value."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

DEMO = Path(__file__).parents[2] / "examples" / "demo.py"


@pytest.fixture
def demo() -> ModuleType:
    """examples/demo.py as a module."""
    spec = importlib.util.spec_from_file_location("demo", DEMO)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.process
@pytest.mark.slow
def test_the_demo_proves_every_value(tmp_path: Path, flor_home: Path):
    folder = tmp_path / "demo"

    done = subprocess.run(
        [sys.executable, str(DEMO), "--folder", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    # 5 epochs' weights and the gradients of 20 steps; more where a busy machine had fewer checkpoints.
    proved = re.search(r"\n(\d+) of (\d+) values equal, bit for bit\.\n$", done.stdout)
    assert proved is not None
    assert int(proved[1]) == int(proved[2]) >= 25
    lines = done.stdout.replace(str(folder), "/tmp/flor-demo").splitlines()
    assert [line for line in (*lines, *done.stderr.splitlines()) if len(line) > 80] == []
    assert done.stderr.count("flor: verified: ") == 2
    assert (folder / "home" / "linear").is_dir()
    assert not flor_home.exists()


@pytest.mark.parametrize(
    "truth",
    [
        {},
        {("loss", (0,)): "0x1.0p+0", ("loss", (1,)): "0x1.8p+0"},
        {("loss", (0,)): "0x1.0p+0", ("loss", (2,)): "0x1.0p+1"},
    ],
)
def test_a_value_that_differs_is_told(
    demo: ModuleType, capsys: pytest.CaptureFixture[str], truth: dict[tuple[str, tuple[int]], str]
):
    replayed = [("loss", (0,), "0x1.0p+0"), ("loss", (1,), "0x1.0p+1")]

    assert not demo.compare(replayed, truth)

    assert "loss at (1,): replayed 0x1.0p+1" in capsys.readouterr().out


def test_no_values_are_no_proof(demo: ModuleType):
    assert not demo.compare([], {("loss", (0,)): "0x1.0p+0"})
