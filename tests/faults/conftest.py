"""What the tests of faults share: a script that is run plainly, recorded under faults, and replayed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.training import Training
from tests.runner import FlorAt

# Run by child processes alone; shim/ is imported by Python itself where calls are to fail.
collect_ignore_glob = ["shim/*", "scripts/*"]


@pytest.fixture
def training(tmp_path: Path, flor_home: Path, flor_at: FlorAt) -> Training:
    """A folder with a script that trains, and a home for its runs."""
    return Training.begun(tmp_path / "project", flor_home, flor_at=flor_at)
