"""What every test stands on: a home of its own, a runner for the command line, hypothesis profiles.

Nothing here knows what a run or a checkpoint is; such fixtures stand beside the tests of their floor.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from tests.deep import DEEP
from tests.exactness.harness import Project, ProjectAt
from tests.fuzz.forks import ForkedProject, ForkedRunner, Zygote, zygote
from tests.runner import FlorAt, FlorRunner

# Before anything imports torch: the models are tiny, and threads that wait for each other beside
# a second test process cost more than they bring.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# --doctest-modules imports every .py file that it meets; these are run by tests instead.
collect_ignore_glob = ["scripts/*", "*/scripts/*", "exactness/steps/*", "formats/*/*"]

# The same examples every time, so that a tree that has not changed passes or fails as before;
# `make test-deep` looks for new ones. A busy machine is no reason to fail.
settings.register_profile("ci", derandomize=True, deadline=None, database=None)
settings.register_profile("deep", deadline=None, max_examples=2000)
settings.load_profile("ci")

GIT_CONFIG = """\
[user]
    name = A Tester
    email = tester@example.org
[init]
    defaultBranch = main
[commit]
    gpgSign = false
"""


# A shell has its jobs in the background ignore Ctrl-C, and children of the tests would as well.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Keep tests together that share what is recorded once."""
    from tests.distribution import Together

    return Together(config, log)


def pytest_report_header() -> str:
    """Name the versions that results depend on, for whoever reads a failure elsewhere."""
    git = subprocess.run(["git", "--version"], capture_output=True, text=True, check=True)
    torch = metadata.version("torch")
    return f"torch {torch}, sqlite {sqlite3.sqlite_version}, {git.stdout.strip()}"


@pytest.fixture(autouse=True)
def flor_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """FLOR_HOME of this test alone, which does not exist yet, below a HOME of this test alone.

    Variables that would reach flor, git or the output from outside are taken away.
    """
    home = tmp_path_factory.mktemp("home")
    (home / ".gitconfig").write_text(GIT_CONFIG, encoding="utf-8")
    from_outside = ("FLOR_", "GIT_", "XDG_", "COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR")
    for name in [name for name in os.environ if name.startswith(from_outside)]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("FLOR_HOME", str(home / ".flor"))
    return home / ".flor"


@pytest.fixture
def flor(flor_home: Path, tmp_path: Path) -> FlorRunner:
    """The command line, typed in `tmp_path` unless a call says otherwise."""
    return FlorRunner(cwd=tmp_path)


@pytest.fixture(scope="session")
def living() -> Iterator[Zygote]:
    """A process with torch, of which both `flor` and scripts are forks."""
    with zygote("scripts") as process:
        yield process


@pytest.fixture(scope="session")
def living_flor() -> Iterator[Zygote]:
    """A process of which `flor` is a fork, and what it starts is not."""
    with zygote("commands") as process:
        yield process


@pytest.fixture(scope="session")
def project_at(living_flor: Zygote) -> ProjectAt:
    """Makes a project below a folder, for scripts whose own processes matter."""
    return Project if DEEP else partial(ForkedProject, zygote=living_flor)


@pytest.fixture(scope="session")
def flor_at(living_flor: Zygote, tmp_path_factory: pytest.TempPathFactory) -> FlorAt:
    """The command line typed in a folder, where it is not what is tested."""
    if DEEP:
        return FlorRunner
    return partial(ForkedRunner, zygote=living_flor, streams=tmp_path_factory.mktemp("streams"))


@pytest.fixture(scope="session")
def forked_flor_at(living: Zygote, tmp_path_factory: pytest.TempPathFactory) -> FlorAt:
    """The same, for scripts that would take seconds to import torch."""
    if DEEP:
        return FlorRunner
    return partial(ForkedRunner, zygote=living, streams=tmp_path_factory.mktemp("streams"))


@pytest.fixture(scope="session")
def forked_project_at(living: Zygote) -> ProjectAt:
    """Makes a project below a folder, for scripts that would take seconds to import torch."""
    return Project if DEEP else partial(ForkedProject, zygote=living)
