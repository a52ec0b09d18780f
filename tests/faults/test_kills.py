"""Kill -9 and Ctrl-C at any moment; `make faults` goes on with hundreds of others."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.kills import killed
from tests.runner import FlorAt

pytestmark = pytest.mark.process


@pytest.mark.parametrize("seed", range(15))
def test_everything_published_before_a_signal_reads_back_and_answers(
    seed: int, tmp_path: Path, flor_at: FlorAt
) -> None:
    kill = killed(seed, tmp_path, flor_at)

    assert kill.values > 0 or kill.status != "verified"
