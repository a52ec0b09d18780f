"""Every script of the matrix, for every kind of probe: replay equals a full re-run, bit for bit,
or is refused by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.exactness.cases import Case, load_cases
from tests.exactness.harness import Recording, record, replay, report_of
from tests.exactness.traps import NAMED, TRAPS

pytestmark = pytest.mark.process

CASES = load_cases()
# A script is recorded once; its group keeps the probes of a script in one test process.
MATRIX = [
    pytest.param(case, kind, id=f"{case.name}-{kind}", marks=pytest.mark.xdist_group(case.name))
    for case in CASES
    for kind in case.kinds
]


@pytest.fixture(scope="module")
def recording_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Case], Recording]:
    """The recording of a case, made when it is first asked for."""
    made: dict[str, Recording] = {}

    def recording(case: Case) -> Recording:
        if case.name not in made:
            made[case.name] = record(case, tmp_path_factory.mktemp(case.name))
        return made[case.name]

    return recording


@pytest.mark.parametrize(("case", "kind"), MATRIX)
def test_replay_equals_a_full_run_or_is_refused_by_name(
    case: Case, kind: str, recording_of: Callable[[Case], Recording]
) -> None:
    recording = recording_of(case)

    outcome = replay(recording, kind)

    assert outcome.problems == []


@pytest.mark.parametrize("kind", ["outer", "inner"])
def test_replay_is_exact_however_few_checkpoints_there_are(
    kind: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    case = next(case for case in CASES if case.name == "dropout")
    recording = record(case, tmp_path_factory.mktemp("sparse"), budget=("--budget", "0.01%"))

    outcome = replay(recording, kind)

    assert [problem for problem in outcome.problems if not problem.startswith("executed")] == []


def test_every_trap_has_its_script() -> None:
    covering = {name for names in TRAPS.values() for name in names.split()}

    assert covering <= {case.name for case in CASES}
    marked = {name for names in NAMED.values() for name in names.split()} - {"database_by_path"}
    assert all(case.named or case.refusals for case in CASES if case.name in marked)


def test_iterations_that_were_not_asked_for_log_no_probes(tmp_path: Path) -> None:
    case = next(case for case in CASES if case.name == "dropout")
    recording = record(case, tmp_path)
    for checkpoint in (tmp_path / "recorded").rglob("*.safetensors"):
        checkpoint.unlink()  # so that every way leads through the iterations
    probe = 'print("end")\n'
    files = case.probed(["outer"])
    recording.project.write({case.script: files[case.script] + probe})

    ran = recording.project.flor("replay", "--json", "--epochs", "1")

    report = report_of(ran)
    assert report is not None
    assert report["executed_iterations"] > 3
    assert report["new"] == {"print": 2}


def test_the_matrix_holds_what_it_is_said_to() -> None:
    kinds = {kind for case in CASES for kind in case.kinds}

    assert len(CASES) >= 75
    assert kinds >= {"prelude", "outer", "inner", "function", "epilogue"}
    assert all({"outer", "workers"} & set(case.kinds) for case in CASES)
