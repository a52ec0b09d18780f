"""Generators that libraries keep in their modules are captured; numbers that moved are named."""

from __future__ import annotations

import math
import random
import sys
import types
from collections.abc import Iterator
from pathlib import Path

import pytest

from florlib.runtime.libraries import generators, moved, numbers
from florlib.runtime.project import Project


@pytest.fixture
def library() -> Iterator[types.ModuleType]:
    """A loaded module that is neither the project's nor one of those that are known."""
    module = types.ModuleType("a_library")
    vars(module).update(calls=0, dice=random.Random(1), ready=False, name="x")
    sys.modules["a_library"] = module
    yield module
    del sys.modules["a_library"]


def test_generators_of_imported_libraries_are_found(library: types.ModuleType, tmp_path: Path):
    project = Project.at(str(tmp_path))

    assert generators({"a_library", "random"}, project) == {("a_library", "dice")}
    assert generators({"json"}, project) == set()


def test_numbers_that_moved_are_named(library: types.ModuleType, tmp_path: Path):
    project = Project.at(str(tmp_path))
    before = numbers({"a_library"}, project)
    vars(library).update(calls=3, ready=True, fresh=1)

    assert moved(before, numbers({"a_library"}, project)) == ["a_library.calls"]


def test_a_nan_that_stays_has_not_moved() -> None:
    before = {("lib", "nan"): math.nan, ("lib", "n"): 1}

    assert moved(before, {**before, ("lib", "n"): 2, ("lib", "late"): 0}) == ["lib.n"]
