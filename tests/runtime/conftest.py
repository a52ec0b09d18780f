"""A program of the test's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.runtime.programs import Program


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """A project folder to write scripts into and run them."""
    return Program(tmp_path)
