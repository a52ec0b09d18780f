"""Every script of the matrix, for every kind of probe: replay equals a full re-run, bit for bit,
or is refused by name.

Every eighth script, and each that starts processes by itself, is recorded and replayed for one
question by the real commands. All else is done in forks of a process that has torch imported already,
which takes a tenth of the time; what is wrong there is done again by the real commands. `make exactness`
uses nothing but those. Some scripts are replayed by several workers as well, whose parts are as long
as chance has it; `make exactness WORKERS=4` does so with all.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from zlib import crc32

import pytest

from tests.deep import DEEP
from tests.exactness.cases import Case, load_cases
from tests.exactness.harness import (
    Outcome,
    Project,
    ProjectAt,
    Recording,
    record,
    replay,
    report_of,
)
from tests.exactness.traps import NAMED, TRAPS
from tests.fuzz.forks import ForkedProject, Zygote

pytestmark = pytest.mark.process

CASES = load_cases()
# What starts processes in ways of its own, or sees descriptors, may do otherwise in a fork.
_NOT_FORKED = re.compile(
    r"multiprocessing|subprocess|spawn|os\.fork|os\.pipe|/proc"
    + (r"|num_workers|thread|asyncio|socket|ctypes" if DEEP else "")
)


REAL = 8  # every so many scripts


def is_real(case: Case) -> bool:
    """Whether a script meets the real commands here."""
    return not may_fork(case) or crc32(case.name.encode()) % REAL == 0


def may_fork(case: Case) -> bool:
    return not case.command and not any(_NOT_FORKED.search(text) for text in case.files.values())


def kinds_of(case: Case) -> list[str]:
    """The questions that are put: one to a script that only the real commands can answer for."""
    if DEEP or may_fork(case):
        return list(case.kinds)
    return [case.kinds[crc32(case.name.encode()) % len(case.kinds)]]


# A script is recorded once: tests/distribution.py keeps its tests in one process, going by these names.
MATRIX = [
    pytest.param(case, kind, id=f"{case.name}-{kind}") for case in CASES for kind in kinds_of(case)
]


@pytest.fixture(scope="module")
def recording_of(
    tmp_path_factory: pytest.TempPathFactory, living: Zygote
) -> Callable[[Case, bool], Recording]:
    """The recording of a case, by the real command or not, made when it is first asked for."""
    made: dict[tuple[str, bool], Recording] = {}

    def recording(case: Case, real: bool) -> Recording:
        key = (case.name, real)
        if key not in made:
            forks = partial(ForkedProject, zygote=living)
            root = tmp_path_factory.mktemp(case.name)
            made[key] = record(case, root, plainly=forks, really=Project if real else forks)
        return made[key]

    return recording


@pytest.mark.parametrize(("case", "kind"), MATRIX)
def test_replay_equals_a_full_run_or_is_refused_by_name(
    case: Case, kind: str, recording_of: Callable[[Case, bool], Recording], living: Zygote
) -> None:
    outcome: Outcome | None = None
    if may_fork(case) and not (is_real(case) and kind == case.kinds[0]):
        recording = recording_of(case, is_real(case))
        forked = ForkedProject(recording.project.root, zygote=living)
        outcome = replay(replace(recording, project=forked), kind)
    if outcome is None or outcome.problems:
        outcome = replay(recording_of(case, True), kind)

    assert outcome.problems == []


SHARED = [
    case
    for case in CASES
    if may_fork(case) and not case.refusals and crc32(case.name.encode()) % REAL in (1, 5)
]


@pytest.mark.parametrize(
    "case",
    [pytest.param(case, id=case.name) for case in SHARED],
)
def test_several_workers_give_the_values_of_a_full_run(
    case: Case, recording_of: Callable[[Case, bool], Recording], living: Zygote
) -> None:
    recording = recording_of(case, is_real(case))
    forked = replace(recording, project=ForkedProject(recording.project.root, zygote=living))
    kind = "inner" if "inner" in case.kinds else case.kinds[-1]

    outcomes = [replay(forked, kind, "--workers", workers) for workers in ("2", "4")]

    assert [outcome.problems for outcome in outcomes] == [[], []]


@pytest.mark.parametrize("kind", ["outer", "inner"])
def test_replay_is_exact_however_few_checkpoints_there_are(
    kind: str, tmp_path: Path, forked_project_at: ProjectAt
) -> None:
    case = next(case for case in CASES if case.name == "dropout")
    at = forked_project_at
    recording = record(case, tmp_path, ("--budget", "0.01%"), plainly=at, really=at)

    outcome = replay(recording, kind)

    assert [problem for problem in outcome.problems if not problem.startswith("executed")] == []


def test_every_trap_has_its_script() -> None:
    covering = {name for names in TRAPS.values() for name in names.split()}

    assert covering <= {case.name for case in CASES}
    marked = {name for names in NAMED.values() for name in names.split()} - {"database_by_path"}
    assert all(case.named or case.refusals for case in CASES if case.name in marked)


def test_iterations_that_were_not_asked_for_log_no_probes(
    tmp_path: Path, forked_project_at: ProjectAt
) -> None:
    case = next(case for case in CASES if case.name == "dropout")
    recording = record(case, tmp_path, plainly=forked_project_at, really=forked_project_at)
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
