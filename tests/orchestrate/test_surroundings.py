"""What lies around a sandbox: paths that lead out of it lead to where they led, and nothing stays behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from florctl.orchestrate.planning import surroundings
from florctl.orchestrate.planning.surroundings import clear_around, surround


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "u" / "project"
    folder.mkdir(parents=True)
    (tmp_path / "u" / "data").mkdir()
    (tmp_path / "u" / "data" / "x.csv").write_text("users own")
    (tmp_path / "home").mkdir()
    (tmp_path / "shared").write_text("users own")
    return folder


def surrounded(project: Path, around: Path, **more: dict[Path, Path]) -> Path:
    """The stand-in of the project, as its sandbox is laid out, and what is around it."""
    standin = around / project.relative_to("/")
    standin.mkdir(parents=True)
    surround(
        standin, project, around, without=[project.parents[1] / "home"], **{"instead": {}} | more
    )
    return standin


def test_what_lies_beside_the_project_and_above_it_is_found(project: Path, tmp_path: Path) -> None:
    standin = surrounded(project, tmp_path / "around")

    assert (standin / ".." / "data" / "x.csv").read_text() == "users own"
    assert (standin.parents[1] / "shared").read_text() == "users own"
    assert standin.name == project.name
    assert not standin.is_symlink()


def test_what_is_left_out_is_not_there(project: Path, tmp_path: Path) -> None:
    standin = surrounded(project, tmp_path / "around")

    assert not (standin.parents[1] / "home").exists()


def test_of_a_folder_with_many_names_none_is_linked(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(surroundings, "MOST_NAMES", 5)
    for number in range(5):
        (project.parent / f"{number}").touch()

    standin = surrounded(project, tmp_path / "around")

    assert [path.name for path in standin.parent.iterdir()] == [standin.name]
    assert (standin.parents[1] / "shared").read_text() == "users own"


def test_another_sandbox_stands_for_its_folder(project: Path, tmp_path: Path) -> None:
    (tmp_path / "box").mkdir()
    instead = {project.parent / "data": tmp_path / "box"}

    standin = surrounded(project, tmp_path / "around", instead=instead)

    assert (standin.parent / "data").resolve() == tmp_path / "box"


def test_a_project_that_lay_less_deep_is_surrounded_as_far_as_it_goes(
    project: Path, tmp_path: Path
) -> None:
    around = tmp_path / "around"
    standin = around.joinpath("a", *project.parts[1:], "deeper")
    standin.mkdir(parents=True)

    surround(standin, project, around, instead={}, without=[])

    assert (standin.parent / "data" / "x.csv").read_text() == "users own"


def test_links_and_empty_folders_go_and_what_was_written_stays(
    project: Path, tmp_path: Path
) -> None:
    around = tmp_path / "around"
    standin = surrounded(project, around)
    (standin.parent / "mine.txt").write_text("replayed")
    standin.rmdir()

    clear_around(standin, around)

    assert [path for path in around.rglob("*") if not path.is_dir()] == [
        standin.parent / "mine.txt"
    ]
    assert (project.parent / "data" / "x.csv").read_text() == "users own"

    (standin.parent / "mine.txt").unlink()
    clear_around(standin, around)

    assert not around.exists()
