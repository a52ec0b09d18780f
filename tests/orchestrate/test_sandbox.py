"""The sandbox of a replay: code copied, data linked, and nothing of the user's ever changed."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from florctl.orchestrate.planning.sandbox import Sandbox, lay_out

BEFORE, START, AFTER = (int(time.time()) - ago for ago in (3600, 1800, 900))


def write(path: Path, text: str = "users own", when: int = BEFORE) -> Path:
    """A file of the user's, last written at a time; its folders are older than the run."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    os.utime(path, (when, when))
    for folder in path.parents[: len(path.parts) - 3]:
        if os.access(folder, os.W_OK):
            os.utime(folder, (BEFORE, BEFORE))
    return path


@pytest.fixture
def project(tmp_path: Path) -> Path:
    write(tmp_path / "project" / "train.py", "import data\n")
    return tmp_path / "project"


@pytest.fixture
def laid(project: Path, tmp_path: Path) -> Callable[..., Sandbox]:
    """Lays the project out, for a run that began at START."""
    return lambda **known: lay_out(
        project, tmp_path / "box" / "files", started_ns=START * 10**9, **known
    )


def tree(folder: Path) -> dict[str, tuple[str, int]]:
    """Every file and link below a folder, with content or target and time of change."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_symlink():
            found[str(path)] = (os.readlink(path), 0)
        elif path.is_file():
            found[str(path)] = (path.read_text(), path.stat().st_mtime_ns)
        else:
            found[str(path)] = ("folder", 0)
    return found


def test_code_and_small_texts_are_copied_and_data_is_linked(
    project: Path, laid: Callable[..., Sandbox]
) -> None:
    write(project / "conf" / "lr.yaml")
    write(project / "digits.npz")
    write(project / "big.json", "x" * (1 << 20) + "x")

    root = laid().root

    links = {name: (root / name).is_symlink() for name in ("train.py", "conf/lr.yaml", "big.json")}
    assert links == {"train.py": False, "conf/lr.yaml": False, "big.json": True}
    assert (root / "digits.npz").resolve() == project / "digits.npz"


@pytest.mark.parametrize("left_out", [".git/HEAD", "__pycache__/a.pyc", ".flor/x", "p/.hg/y"])
def test_what_belongs_to_tools_is_left_out(
    left_out: str, project: Path, laid: Callable[..., Sandbox]
) -> None:
    write(project / left_out)

    assert not (laid().root / left_out).exists()


def test_a_home_within_the_project_is_left_out(project: Path, laid: Callable[..., Sandbox]) -> None:
    write(project / "runs" / "home" / "catalog.db")
    write(project / "runs" / "a.txt")

    root = laid(without=[project / "runs" / "home"]).root

    assert [path.name for path in (root / "runs").iterdir()] == ["a.txt"]


def test_outputs_of_the_run_are_left_out_and_what_it_read_again_is_copied(
    project: Path, laid: Callable[..., Sandbox]
) -> None:
    write(project / "out" / "log.csv", when=AFTER)
    write(project / "out" / "best.pt", when=AFTER)

    root = laid(written=["out/log.csv", "out/best.pt"], read=["out/best.pt"]).root

    assert not (root / "out" / "log.csv").exists()
    (root / "out" / "best.pt").write_text("replayed")
    assert (project / "out" / "best.pt").read_text() == "users own"


def test_a_file_written_by_a_way_that_nobody_saw_is_copied(
    project: Path, laid: Callable[..., Sandbox]
) -> None:
    write(project / "weights.bin", when=AFTER)

    root = laid().root

    assert not (root / "weights.bin").is_symlink()


def test_an_output_that_is_older_than_the_run_is_copied(
    project: Path, laid: Callable[..., Sandbox]
) -> None:
    write(project / "counts.bin")

    root = laid(written=["counts.bin"], read=["counts.bin"]).root

    assert not (root / "counts.bin").is_symlink()


def many(folder: Path, count: int = 520) -> Path:
    folder.mkdir(parents=True)
    for number in range(count):
        (folder / f"{number}.png").touch()
    os.utime(folder, (BEFORE, BEFORE))
    return folder


def test_a_big_folder_is_linked_as_a_whole(project: Path, laid: Callable[..., Sandbox]) -> None:
    many(project / "data" / "cats" / "small")
    os.utime(project / "data" / "cats", (BEFORE, BEFORE))
    os.utime(project / "data", (BEFORE, BEFORE))

    assert (laid().root / "data").is_symlink()


def test_a_big_folder_that_the_run_wrote_to_is_none_to_link(
    project: Path, laid: Callable[..., Sandbox]
) -> None:
    many(project / "runs")
    write(project / "runs" / "deep" / "below" / "a.pt", when=AFTER)

    assert not (laid(written=["runs/deep/below/a.pt"]).root / "runs").is_symlink()


def test_a_big_folder_below_which_something_appeared_since_is_none_to_link(
    project: Path, laid: Callable[..., Sandbox]
) -> None:
    many(project / "runs" / "one")
    os.utime(project / "runs" / "one", (AFTER, AFTER))
    os.utime(project / "runs", (BEFORE, BEFORE))

    assert not (laid().root / "runs" / "one").is_symlink()


def test_a_big_folder_with_code_of_the_run_is_none_to_link(
    project: Path, laid: Callable[..., Sandbox]
) -> None:
    many(project / "lib")
    write(project / "lib" / "net.py")

    root = laid(code=["train.py", "lib/net.py"]).root

    assert not (root / "lib").is_symlink()
    assert not (root / "lib" / "net.py").is_symlink()


def test_environments_are_linked(project: Path, laid: Callable[..., Sandbox]) -> None:
    write(project / ".venv" / "pyvenv.cfg")
    write(project / "conda" / "conda-meta" / "history")

    root = laid().root

    assert (root / ".venv").is_symlink()
    assert (root / "conda").is_symlink()


def test_a_link_within_the_project_leads_to_the_stand_in(
    project: Path, laid: Callable[..., Sandbox]
) -> None:
    write(project / "runs" / "3" / "a.txt", when=AFTER)
    (project / "latest").symlink_to("runs/3")
    (project / "absolute").symlink_to(project / "runs" / "3")
    (project / "conf").mkdir()
    (project / "conf" / "up").symlink_to("../train.py")

    root = laid().root
    for name in ("latest", "absolute"):
        (root / name / f"{name}.txt").write_text("replayed")
    (root / "conf" / "up").write_text("replayed")

    assert sorted(path.name for path in (project / "runs" / "3").iterdir()) == ["a.txt"]
    assert sorted(path.name for path in (root / "runs" / "3").iterdir()) == [
        "a.txt",
        "absolute.txt",
        "latest.txt",
    ]
    assert (project / "train.py").read_text() == "import data\n"


def test_what_changed_behind_a_link_out_of_the_project_is_copied(
    project: Path, tmp_path: Path, laid: Callable[..., Sandbox]
) -> None:
    out, data, one = (tmp_path / name for name in ("out", "data", "one.pt"))
    write(out / "a.pt", when=AFTER)
    os.utime(out, (AFTER, AFTER))
    write(data / "x.npz")
    write(one, when=AFTER)
    for target in (out, data, one):
        (project / target.name).symlink_to(target)

    root = laid().root
    (root / "out" / "a.pt").write_text("replayed")
    (root / "out" / "b.pt").write_text("replayed")
    (root / "one.pt").write_text("replayed")

    assert [path.name for path in out.iterdir()] == ["a.pt"]
    assert (out / "a.pt").read_text() == one.read_text() == "users own"
    assert (root / "data").resolve() == data


def test_links_that_lead_nowhere_or_in_circles_are_laid_out(
    project: Path, tmp_path: Path, laid: Callable[..., Sandbox]
) -> None:
    (project / "gone").symlink_to("nowhere")
    (project / "self").symlink_to("self")
    (project / "up").symlink_to("..")
    (tmp_path / "circle").mkdir()
    (tmp_path / "circle" / "again").symlink_to(tmp_path / "circle")
    (project / "circle").symlink_to(tmp_path / "circle")

    root = laid().root

    assert all((root / name).is_symlink() for name in ("gone", "self", "up"))
    assert (root / "circle").exists()


def test_pipes_are_left_out_and_read_only_files_stay_so(
    project: Path, laid: Callable[..., Sandbox]
) -> None:
    os.mkfifo(project / "pipe")
    write(project / "conf.json").chmod(0o444)

    sandbox = laid()

    assert not (sandbox.root / "pipe").exists()
    assert (sandbox.root / "conf.json").stat().st_mode & 0o777 == 0o444
    sandbox.clear()
    assert not sandbox.root.exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_cannot_be_read_is_linked(project: Path, laid: Callable[..., Sandbox]) -> None:
    write(project / "secret.txt").chmod(0)
    write(project / "private" / "a.txt").parent.chmod(0)

    try:
        root = laid().root
        assert (root / "secret.txt").is_symlink()
        assert (root / "private").is_symlink()
    finally:
        (project / "private").chmod(0o755)


def test_outputs_are_what_is_new_or_changed(project: Path, laid: Callable[..., Sandbox]) -> None:
    write(project / "conf.json")
    sandbox = laid()
    assert sandbox.outputs() == []

    (sandbox.root / "out").mkdir()
    (sandbox.root / "out" / "a.pt").write_text("replayed")
    (sandbox.root / "conf.json").write_text("replayed")
    (sandbox.root / "__pycache__").mkdir()
    (sandbox.root / "__pycache__" / "train.pyc").touch()
    (sandbox.root / "latest").symlink_to("out")

    assert sandbox.outputs() == ["conf.json", "out/a.pt"]


def test_clearing_keeps_what_was_written_and_touches_nothing_of_the_users(
    project: Path, tmp_path: Path, laid: Callable[..., Sandbox]
) -> None:
    many(project / "data")
    write(tmp_path / "outside" / "x.npz")
    (project / "outside").symlink_to(tmp_path / "outside")
    (project / "inner").symlink_to("data")
    write(project / "digits.npz")
    write(project / "conf" / "a.yaml")
    before = tree(project), tree(tmp_path / "outside")
    sandbox = laid()
    (sandbox.root / "conf" / "b.txt").write_text("replayed")
    (sandbox.root / "mine").symlink_to(project)

    sandbox.clear()

    assert (tree(project), tree(tmp_path / "outside")) == before
    left = [path.relative_to(sandbox.root).as_posix() for path in sandbox.root.rglob("*")]
    assert sorted(left) == ["conf", "conf/b.txt"]


def test_clearing_removes_a_sandbox_without_outputs(
    project: Path, tmp_path: Path, laid: Callable[..., Sandbox]
) -> None:
    many(project / "data")
    before = tree(project)
    sandbox = laid()

    sandbox.clear()

    assert not sandbox.root.exists()
    assert tree(project) == before


def test_a_file_that_was_replaced_by_the_replay_is_an_output(
    project: Path, laid: Callable[..., Sandbox]
) -> None:
    write(project / "digits.npz")
    sandbox = laid()
    fresh = sandbox.root / "fresh"
    fresh.write_text("replayed")

    fresh.replace(sandbox.root / "digits.npz")
    sandbox.clear()

    assert (project / "digits.npz").read_text() == "users own"
    assert (sandbox.root / "digits.npz").read_text() == "replayed"


def test_the_stand_in_of_a_path(
    project: Path, tmp_path: Path, laid: Callable[..., Sandbox]
) -> None:
    many(project / "data")
    (tmp_path / "link").symlink_to(project)
    sandbox = laid()
    root = sandbox.root

    assert sandbox.inside(project) == root
    assert sandbox.inside(project / "train.py") == root / "train.py"
    assert sandbox.inside(project / "new" / "a.pt") == root / "new" / "a.pt"
    assert sandbox.inside(tmp_path / "link" / "train.py") == root / "train.py"
    assert sandbox.inside(tmp_path / "else") == tmp_path / "else"
    assert sandbox.inside(project / "data" / "0.png") == project / "data" / "0.png"
