"""`flor state`: what a checkpoint holds, at that very position, with no torch and nothing run."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from florctl.cli.app import app
from florlib.ground.layout import RunLayout
from florlib.stores.checkpoints import Buffer, publish
from tests.homes import Home, checkpoint
from tests.runner import FlorRunner
from tests.runtime.graphs import capture, stored

Flor = Callable[..., Any]


@pytest.fixture
def flor(flor_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Flor:
    """The command line in this process, typed in the project of the runs of `home`."""
    project = tmp_path / "project"
    project.mkdir()
    monkeypatch.chdir(project)
    return lambda *words: CliRunner().invoke(app, words)


def step(epoch: int, turn: int) -> dict[str, Any]:
    """A checkpoint in the middle of an epoch."""
    position = [["epoch", epoch], ["step", turn]]
    file = f"checkpoints/{epoch:06d}.{turn:06d}.safetensors"
    return checkpoint(epoch, role="step", block=0, step=turn, position=position, file=file)


@pytest.fixture
def run(flor_home: Path, tmp_path: Path) -> RunLayout:
    """linear@1: boundaries 0, 2 and 3, and turn 40 of epoch 2; epoch 3 is the loop's end."""
    records = [checkpoint(0), step(2, 40), checkpoint(2), checkpoint(3)]
    layout = Home(flor_home).run("aa1111", project=str(tmp_path / "project"), records=records)
    layout.checkpoints.mkdir()
    for number, record in enumerate(records):
        weight = torch.full((2, 3), float(number), dtype=torch.bfloat16)
        names = {
            "net": {"weight": weight},
            "lr": 0.1 / (1 + number),
            "seen": [number, float("nan")],
        }
        captured = capture(names)
        read, blocks = stored(captured).read, captured.blocks.items()
        buffers = [Buffer(n, block.dtype, block.shape, read(n)) for n, block in blocks]
        publish(layout.folder / record["file"], captured.tree, buffers)
    return layout


def answer(result: Any) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_without_a_name_all_names_are_listed(flor: Flor, run: RunLayout):
    found = answer(flor("state", "@", "--at", "epoch=2", "--json"))

    assert found["run"] == run.run
    assert found["position"] == [{"loop": "epoch", "index": 2}]
    assert found["file"] == "checkpoints/000002.000000.safetensors"
    assert [part["name"] for part in found["parts"]] == ["net", "lr", "seen"]
    assert found["parts"][0] == {
        "name": "net", "type": "dict", "dtype": None, "shape": None, "bytes": 12, "tensors": 1,
        "items": 1, "value": None,
    }  # fmt: skip
    assert found["parts"][1]["value"] == 0.1 / 3


def test_people_read_a_table_and_the_place_on_stderr(flor: Flor, run: RunLayout):
    result = flor("state", "@")

    assert (
        result.stdout.splitlines()[0].split() == "name type dtype shape size tensors value".split()
    )
    assert result.stdout.splitlines()[3].split() == ["seen", "list", "2", "items"]
    assert result.stderr == "flor: linear@1, epoch 3 (checkpoints/000003.000000.safetensors)\n"


def test_a_tensor_shows_what_it_is_and_its_values(flor: Flor, run: RunLayout):
    found = answer(flor("state", "@", "net.weight", "--at", "epoch=2,step=40", "--json"))

    assert (found["dtype"], found["shape"], found["bytes"]) == ("bfloat16", [2, 3], 12)
    assert (found["device"], found["requires_grad"]) == ("cpu", False)
    assert (found["value"], found["stats"]) == ([[1.0] * 3] * 2, None)


def test_figures_of_a_tensor(flor: Flor, run: RunLayout):
    found = answer(flor("state", "linear", "--at", "epoch=3", "net.weight", "--stats", "--json"))

    assert found["stats"] == {
        "elements": 6, "min": 3.0, "max": 3.0, "mean": 3.0, "std": 0.0, "norm": 54**0.5, "nan": 0,
        "inf": 0,
    }  # fmt: skip
    assert found["value"] is None


def test_a_value_is_printed_as_python_shows_it(flor: Flor, run: RunLayout):
    assert flor("state", "@", "--at", "epoch=0", "lr").stdout == "0.1\n"
    assert flor("state", "@", "seen").stdout == "[3, nan]\n"
    assert answer(flor("state", "@", "seen", "--json"))["value"] == [3, "NaN"]
    assert flor("state", "@", "net").stdout == "{'weight': <Tensor bfloat16 [2, 3]>}\n"


def test_lists_for_programs(flor: Flor, run: RunLayout):
    rows = list(csv.DictReader(io.StringIO(flor("state", "@", "--csv").stdout)))
    plain = flor("state", "@", "lr", "--plain").stdout

    assert [row["name"] for row in rows] == ["net", "lr", "seen"]
    assert plain == "lr\tfloat\t0.025\n"


def test_a_tensor_is_written_as_numpy_has_it(flor: Flor, run: RunLayout, tmp_path: Path):
    result = flor("state", "@", "--at", "epoch=2", "net.weight", "--npy", str(tmp_path / "w"))

    assert result.exit_code == 0, result.output
    assert "numpy has no bfloat16" in result.stderr
    written = np.load(tmp_path / "w")
    assert (written.dtype, written.tolist()) == (np.float32, [[2.0] * 3] * 2)


def error(result: Any, status: int) -> tuple[str, str]:
    """The error and the hint of a command that ended so."""
    assert (result.exit_code, result.stdout) == (status, ""), result.output
    *_, said, hint = result.stderr.splitlines()
    return said.removeprefix("error: "), hint.removeprefix("hint: ")


@pytest.mark.parametrize(
    ("asked", "near", "first"),
    [
        ("epoch=1", "epoch 0 and epoch 2", "epoch=0"),
        ("epoch=2,step=41", "epoch 2, step 40 and epoch 3", "epoch=2,step=40"),
        ("epoch=9", "epoch 3", "epoch=3"),
    ],
)
def test_where_there_is_no_checkpoint_the_nearest_are_named(flor, run, asked, near, first):
    said, hint = error(flor("state", "@", "--at", asked), 5)

    assert said.startswith("linear@1 has no checkpoint at ")
    assert said.endswith(f"; the nearest: {near}")
    assert hint == f"flor state {run.run} --at {first}"
    assert flor(*hint.split()[1:]).exit_code == 0


def test_a_loop_that_is_not_there_is_told_with_those_that_are(flor: Flor, run: RunLayout):
    said, hint = error(flor("state", "@", "--at", "epoch=2,batch=1"), 2)

    assert said == "no checkpoint of linear@1 is in a loop batch; there are epoch, step"
    assert hint == f"flor state {run.run} --at epoch=0"


def test_loops_around_may_be_left_out(flor: Flor, run: RunLayout):
    found = answer(flor("state", "@", "--at", "step=40", "lr", "--json"))

    assert found["position"] == [{"loop": "epoch", "index": 2}, {"loop": "step", "index": 40}]


def test_a_position_that_may_be_several_is_refused(flor: Flor, flor_home: Path, tmp_path: Path):
    records = [step(0, 40), step(2, 40)]
    run = Home(flor_home).run("aa2222", project=str(tmp_path / "project"), records=records)

    said, hint = error(flor("state", "@", "--at", "step=40"), 2)

    assert said == "step=40 may be any of 2 positions: epoch=0,step=40, epoch=2,step=40"
    assert hint == f"flor state {run.run} --at epoch=0,step=40"


@pytest.mark.parametrize("words", ["7", "epoch", "epoch=-1", "epoch=1.5", "epoch=1,,step=2", ""])
def test_what_is_no_position_is_told(flor: Flor, run: RunLayout, words: str):
    said, hint = error(flor("state", "@", "--at", words), 2)

    assert said == f"{words!r} is no position"
    assert hint == "flor state @ --at epoch=7,step=100"


def test_a_name_that_is_not_there_is_told_with_the_next_one(flor: Flor, run: RunLayout):
    said, hint = error(flor("state", "@", "--at", "epoch=2", "net.wait"), 3)

    assert said == "the state of linear@1 at epoch 2 holds no net.wait; it has net['weight']"
    assert hint == f"""flor state {run.run} --at epoch=2 'net['"'"'weight'"'"']'"""


def test_a_run_that_is_not_there(flor: Flor, run: RunLayout):
    assert error(flor("state", "nobody"), 3)[0] == "no run answers to 'nobody'"


def test_a_run_without_checkpoints(flor: Flor, flor_home: Path, tmp_path: Path):
    Home(flor_home).run("aa3333", project=str(tmp_path / "project"), records=[])

    assert error(flor("state", "@"), 5)[0] == "linear@1 has no checkpoints"


def test_a_checkpoint_that_is_gone_leads_to_the_nearest_that_is_there(flor, run):
    (run.folder / "checkpoints/000002.000000.safetensors").unlink()
    (run.folder / "checkpoints/000000.000000.safetensors").unlink()

    said, hint = error(flor("state", "@", "--at", "epoch=2"), 5)

    assert said.startswith("there is no checkpoint ")
    assert hint == f"flor state {run.run} --at epoch=2,step=40"


def test_a_damaged_tensor_is_not_shown(flor: Flor, run: RunLayout):
    path = run.folder / "checkpoints/000002.000000.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)

    said, hint = error(flor("state", "@", "--at", "epoch=2", "net.weight"), 5)

    assert "is damaged in" in said
    assert hint == f"flor state {run.run} --at epoch=0"
    assert flor("state", "@", "--at", "epoch=2", "lr").exit_code == 0


@pytest.mark.parametrize("option", [["--stats"], ["--npy", "x"]])
def test_figures_and_files_are_of_a_tensor(flor: Flor, run: RunLayout, option: list[str]):
    assert error(flor("state", "@", *option), 2)[0] == f"{option[0]} wants the NAME of a tensor"
    assert flor("state", "@", "lr", *option).exit_code == 2
    assert (
        "lr is <float>, whose elements cannot be told" in flor("state", "@", "lr", *option).stderr
    )
    assert not Path("x").exists()


def test_a_file_that_cannot_be_written_is_told(flor: Flor, run: RunLayout, tmp_path: Path):
    path = tmp_path / "no" / "w.npy"

    result = flor("state", "@", "net.weight", "--npy", str(path))

    assert result.exit_code == 2
    assert f"error: {path} cannot be written: No such file or directory" in result.stderr


SCRIPT = """\
import torch

weight = torch.zeros(3, requires_grad=True)
optimizer = torch.optim.Adam([weight], lr=0.5)
for epoch in range(3):
    (weight - epoch).square().sum().backward()
    optimizer.step()
    print(weight.tolist(), optimizer.state[weight]["exp_avg"].tolist())
"""


@pytest.mark.process
def test_the_state_of_a_recorded_run_is_what_the_script_had(flor_home: Path, tmp_path: Path):
    flor = FlorRunner(tmp_path)
    (tmp_path / "train.py").write_text(SCRIPT)
    printed = flor("record", "--budget", "100%", "train.py").stdout.splitlines()

    for epoch in (1, 2, 3):
        at = ("--at", f"epoch={epoch}", "--json")
        weight = json.loads(flor("state", "@", "weight", *at).stdout)
        moment = json.loads(flor("state", "@", "optimizer.state[weight].exp_avg", *at).stdout)

        assert f"{weight['value']} {moment['value']}" == printed[epoch - 1]
        assert flor("state", "@", "epoch", *at[:2]).stdout == f"{epoch - 1}\n"


@pytest.mark.process
def test_no_torch_is_imported(flor_home: Path, run: RunLayout):
    code = f"""if True:
        import sys
        from florctl.cli.app import main
        assert main(["state", "{run.run}", "net.weight", "--stats"]) == 0
        assert "torch" not in sys.modules
        """

    child = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )

    assert child.returncode == 0, child.stderr
    assert "bfloat16" in child.stdout
