"""Composed scripts, always the same ones: replay equals a plain run, bit for bit.

`make fuzz` goes on with others for as long as one likes.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.deep import DEEP
from tests.fuzz.campaign import asks_for
from tests.fuzz.forks import Zygote
from tests.fuzz.render import render
from tests.fuzz.spec import ROLES, Spec, drawn
from tests.fuzz.trial import Ask, case_of, try_script

SEEDS = range(36 if DEEP else 16)


@pytest.mark.process
@pytest.mark.parametrize("seed", SEEDS)
def test_replay_equals_a_plain_run(seed: int, living: Zygote, tmp_path: Path) -> None:
    spec = drawn(seed)
    files = render(spec)

    outcome = try_script(files, asks_for(spec, files, seed), tmp_path, living, spec.budget)

    assert outcome.findings == []
    assert outcome.values > 0


@pytest.mark.process
def test_a_script_that_does_otherwise_each_time_is_found(living: Zygote, tmp_path: Path) -> None:
    files = render(Spec())
    files["train.py"] = files["train.py"].replace("torch.manual_seed(0)", "torch.seed()")

    outcome = try_script(files, [Ask(("outer",))], tmp_path, living, "10000%")

    assert {finding.manner for finding in outcome.findings} == {"printed", "wrong"}


def test_every_script_is_python_before_and_after_it_was_probed() -> None:
    for seed in range(300):
        case = case_of(render(drawn(seed)))
        for plainly in (False, True):
            for path, text in case.probed(case.kinds, plainly=plainly).items():
                compile(text, path, "exec")


def test_every_part_is_drawn_sooner_or_later() -> None:
    drawn_parts = {part for seed in range(4000) for part in drawn(seed).parts()}

    assert drawn_parts == {(role, name) for role in ROLES for name in ROLES[role]}


def test_shrinking_ends_at_the_plainest() -> None:
    spec = drawn(7)
    while True:
        simpler = list(spec.simpler())
        if not simpler:
            break
        assert all(len(one.features()) < len(spec.features()) for one in simpler)
        spec = simpler[-1]

    assert len(spec.features()) <= 1
