"""Settings: which of several places wins, and what a wrong one says."""

from __future__ import annotations

from pathlib import Path

import pytest

from florctl.orchestrate.folders import project_of
from florctl.orchestrate.settings import (
    NO_LIMIT,
    Settings,
    budget_share,
    byte_count,
)
from florlib.ground.errors import UsageError


@pytest.fixture
def project(tmp_path: Path) -> Path:
    project = tmp_path / "project"
    (project / ".git").mkdir(parents=True)
    return project


def load(project: Path, **environ: str) -> Settings:
    return Settings.load({"HOME": str(project.parent / "user"), **environ}, project)


def user_file(project: Path, text: str) -> None:
    path = project.parent / "user" / ".config" / "flor" / "config.toml"
    path.parent.mkdir(parents=True)
    path.write_text(text)


def test_defaults(project: Path):
    settings = load(project)

    assert settings.home == project.parent / "user" / ".flor"
    assert (settings.name, settings.budget_share, settings.version) == (None, 0.01, True)


def test_flor_home_wins_and_is_absolute(project: Path, monkeypatch):
    monkeypatch.chdir(project)

    assert load(project, FLOR_HOME="runs").home == project / "runs"


def test_the_nearer_place_wins(project: Path):
    user_file(project, 'name = "user"\nbudget = "5%"\nversion = false\nloop = "a.py:1"\n')
    (project / "setup.cfg").write_text("[flor]\nname = cfg\nbudget = 4%\nversion = yes\n")
    (project / "pyproject.toml").write_text('[tool.flor]\nname = "toml"\nbudget = 0.03\n')

    settings = load(project, FLOR_NAME="environment")

    assert (settings.name, settings.budget_share) == ("environment", 0.03)
    assert (settings.version, settings.loop) == (True, "a.py:1")


def test_a_project_that_says_nothing_about_flor(project: Path):
    (project / "pyproject.toml").write_text("[tool.other]\nname = 'x'\n")
    (project / "setup.cfg").write_text("[metadata]\nname = x\n")

    assert load(project) == Settings(home=project.parent / "user" / ".flor", project=project)


@pytest.mark.parametrize(("name", "text"), [("pyproject.toml", "flor = ["), ("setup.cfg", "flor")])
def test_a_file_that_cannot_be_read_is_told(project: Path, name: str, text: str):
    (project / name).write_text(text)

    settings = load(project)

    assert [str(project / name) in line for line in settings.warnings] == [True]


def test_an_unknown_setting_names_the_nearest(project: Path):
    (project / "setup.cfg").write_text("[flor]\nbugdet = 1%\n")

    with pytest.raises(UsageError, match="unknown flor setting 'bugdet'") as caught:
        load(project)

    assert caught.value.hint == "use budget"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("FLOR_BUDGET", "lots"),
        ("FLOR_BUDGET", "-1%"),
        ("FLOR_VERSION", "maybe"),
        ("FLOR_NAME", ""),
        ("FLOR_CKPT_MAX", "-1GB"),
        ("FLOR_CKPT_MAX_HOME", "20 QB"),
    ],
)
def test_a_value_that_cannot_be(project: Path, variable: str, value: str):
    with pytest.raises(UsageError, match=repr(value)):
        load(project, **{variable: value})


@pytest.mark.parametrize(("text", "share"), [("1%", 0.01), ("0.5 %", 0.005), (0.02, 0.02), (0, 0)])
def test_a_budget_is_a_share(text: str | float, share: float):
    assert budget_share(text) == pytest.approx(share)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("20GB", 20 * 10**9),
        ("1.5 GiB", 3 << 29),
        ("800m", 800 << 20),
        ("5b", 5),
        (12, 12),
        ("0", 0),
        ("none", NO_LIMIT),
        ("9" * 30, NO_LIMIT),
    ],
)
def test_a_limit_is_a_size(text: str | int, count: int):
    assert byte_count(text) == count


def test_limits_of_checkpoints(project: Path):
    (project / "setup.cfg").write_text("[flor]\nckpt-max = 4GB\nckpt-max-home = 100GB\n")
    (project / "pyproject.toml").write_text("[tool.flor]\nckpt-max = 5000\n")

    settings = load(project, FLOR_CKPT_MAX_HOME="none")

    assert (settings.run_bytes, settings.home_bytes) == (5000, NO_LIMIT)
    assert load(project, FLOR_CKPT_MAX="1kB").run_bytes == 1000
    assert load(project).home_bytes == 100 * 10**9


def test_a_project_is_the_git_working_tree_around(project: Path):
    (project / "a" / "b").mkdir(parents=True)

    assert project_of(project / "a" / "b") == project
    assert project_of(project.parent) == project.parent
