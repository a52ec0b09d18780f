"""`--steps`: the turns that were asked for, entered in the middle of their loop, bit for bit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace as with_changes
from pathlib import Path

import pytest

from tests.deep import DEEP
from tests.exactness.cases import Bounds, Case, load_case
from tests.exactness.harness import ProjectAt, Recording, record, replay

pytestmark = pytest.mark.process

SCRIPTS = Path(__file__).with_name("steps")


def script(name: str, *arguments: str, **executed: int) -> Case:
    """A script of this matrix, with words for it and the turns that replays of it execute."""
    case = load_case(SCRIPTS / f"{name}.py")
    bounds = {kind: Bounds(count, count) for kind, count in executed.items()}
    return with_changes(case, arguments=arguments, bounds={**case.bounds, **bounds})


def recorded(case: Case, root: Path, project_at: ProjectAt) -> Recording:
    return record(case, root, plainly=project_at, really=project_at)


def asked(turns: int, epochs: Sequence[int], steps: Sequence[int]) -> Callable[[int], bool]:
    """Whether the n-th value of a probe in a loop of so many turns was asked for."""
    return lambda number: number // turns in epochs and number % turns in steps


def test_loops_of_all_shapes_are_entered_in_their_middle(
    forked_project_at: ProjectAt, tmp_path: Path
) -> None:
    recording = recorded(script("shapes"), tmp_path, forked_project_at)

    # The iteration, two turns of five loops, four of the one that is gone through from its start.
    outcome = replay(recording, "inner", "--epochs=1", "--steps=2:4", asked=asked(5, [1], [2, 3]))

    assert outcome.problems == []


def test_what_lies_between_asked_steps_is_jumped_over(
    forked_project_at: ProjectAt, tmp_path: Path
) -> None:
    recording = recorded(script("shapes", inner=1 + 5 * 2 + 5), tmp_path, forked_project_at)

    outcome = replay(recording, "inner", "--epochs=2", "--steps=1,4", asked=asked(5, [2], [1, 4]))

    assert outcome.problems == []


ALL = [
    (method, words) for words in (("persistent",), ()) for method in ("fork", "spawn", "forkserver")
]
# Workers that are spawned anew for each epoch import torch each time; tests/exactness/scripts has some.
SOME = [("fork", ()), ("spawn", ("persistent",)), ("forkserver", ("persistent",))]


@pytest.mark.parametrize(("method", "words"), ALL if DEEP else SOME)
def test_workers_go_on_from_the_middle_of_an_epoch(
    forked_project_at: ProjectAt, method: str, words: tuple[str, ...], tmp_path: Path
) -> None:
    recording = recorded(script("workers", method, *words), tmp_path, forked_project_at)

    # The iteration and two turns; an odd number of batches before them shifts the workers' turns.
    middle = replay(recording, "inner", "--epochs=1", "--steps=5:7", asked=asked(8, [1], [5, 6]))

    assert middle.problems == []


def test_persistent_workers_go_on_at_an_epoch(forked_project_at: ProjectAt, tmp_path: Path) -> None:
    recording = recorded(
        script("workers", "fork", "persistent", inner=1 + 8, outer=3), tmp_path, forked_project_at
    )

    outcomes = [
        replay(recording, "inner", "--epochs=2", asked=asked(8, [2], range(8))),
        replay(recording, "outer"),
    ]

    assert [outcome.problems for outcome in outcomes] == [[], []]
