"""Repositories of unusual kinds: their versions are those of plain ones, or what is amiss is said."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from florlib.ground.errors import VersionNotSaved
from florlib.stores.versions import contents, export, links, open_archive, read_source

FSCK = ("fsck", "--full", "--strict", "--no-dangling")


def git_version() -> tuple[int, ...]:
    told = subprocess.run(["git", "--version"], capture_output=True, text=True, check=True).stdout
    return tuple(map(int, re.findall(r"\d+", told)[:2]))


@pytest.fixture
def other(project):
    """A second repository beside the first, without commits."""
    made = type(project)(project.root.parent / "other")
    made.root.mkdir()
    return made


def test_sha256(other, tmp_path):
    other.git("init", "-q", "--object-format=sha256")
    other.commit(a="1")
    other.write("a.py", "2")
    expected = other.git_tree()

    version = other.save()

    assert (version.tree, len(version.commit)) == (expected, 64)
    assert other.git(*FSCK) == ""
    with open_archive([other.root]) as archive:
        (link,) = links(archive)
        export(archive, version.tree, tmp_path / "out")
    assert link.work_commit == version.work_commit
    assert (tmp_path / "out/a.py").read_text() == "2"


@pytest.mark.skipif(git_version() < (2, 45), reason="git makes reftable from 2.45 on")
def test_reftable(other):
    other.git("init", "-q", "--ref-format=reftable")
    other.commit(a="1")

    version = other.save()

    assert other.git("rev-parse", "flor.shadow") == version.commit
    assert other.git(*FSCK) == ""


def test_objects_borrowed_from_another_repository(project, other):
    project.commit(a="1", b="2")
    project.git("clone", "-q", "--shared", str(project.root), str(other.root))
    other.write("a.py", "3")
    expected = other.git_tree()

    version = other.save()

    assert version.tree == expected
    assert read_source(other.root, version.commit, "b.py") == b"2"
    assert other.git(*FSCK) == ""


def test_a_clone_that_fetches_objects_when_they_are_asked_for(project, other):
    project.commit(a="1", b="2")
    project.git("config", "uploadpack.allowFilter", "true")
    source = f"file://{project.root}"
    project.git("clone", "-q", "--no-checkout", "--filter=blob:none", source, str(other.root))
    other.git("checkout", "-q", "main")
    other.write("a.py", "3")
    expected = other.git_tree()

    version = other.save()

    assert (version.tree, version.dirty) == (expected, 1)


def test_a_shallow_clone(project, other):
    project.commit(a="1")
    project.commit(a="2")
    project.git("clone", "-q", "--depth=1", f"file://{project.root}", str(other.root))
    other.write("a.py", "3")
    first, second = other.save(), other.save()

    with open_archive([other.root]) as archive:
        told = [link.commit for link in links(archive)]

    assert told == [second.commit, first.commit]
    assert other.git(*FSCK) == ""


def test_variables_that_point_git_elsewhere_are_not_followed(project, other, monkeypatch):
    project.commit(a="1")
    project.write("a.py", "2")
    expected = project.git_tree()
    other.git("init", "-q")
    other.commit(b="1")
    before = other.git("for-each-ref")
    with monkeypatch.context() as patch:
        patch.setenv("GIT_DIR", str(other.root / ".git"))
        patch.setenv("GIT_WORK_TREE", str(other.root))
        patch.setenv("GIT_INDEX_FILE", str(other.root / ".git/index"))

        version = project.save()

    assert version.tree == expected
    assert other.git("for-each-ref") == before


def test_the_files_around_the_script_are_saved_wherever_git_has_its_work_tree(project, other):
    project.commit(a="1")
    project.git("config", "core.worktree", str(other.root))
    (other.root / "b.py").write_text("2")
    project.write("c.py", "3")

    version = project.save()

    assert project.files(version.commit) == ["a.py", "c.py"]


@pytest.mark.skipif(shutil.which("git-lfs") is None, reason="git-lfs is not installed")
def test_large_file_storage(project):
    project.git("lfs", "install", "--local")
    project.write(".gitattributes", "*.bin filter=lfs diff=lfs merge=lfs -text\n")
    project.commit()
    project.write("model.bin", bytes(1000))

    version = project.save()

    assert version.tree == project.git_tree()
    assert project.git("show", f"{version.commit}:model.bin").startswith("version https://git-lfs")
    assert len([path for path in (project.git_folder / "lfs").rglob("*") if path.is_file()]) == 1


def test_a_nested_repository_without_a_commit_is_named(project, other):
    project.write("a.py")
    inside = type(project)(project.root / "inside")
    inside.root.mkdir()
    inside.git("init", "-q")
    inside.write("f")

    version = project.save()

    assert project.files(version.commit) == ["a.py"]
    assert [(skip.path, skip.reason) for skip in version.skipped] == [
        ("inside/", "nested git repository without a commit")
    ]


def test_a_file_that_vanishes_while_it_is_saved_was_never_there(project, monkeypatch):
    project.commit(a="1")
    project.write("b.py")
    read = contents.read_file

    def vanishing(full: bytes) -> bytes:
        if full.endswith(b"b.py"):
            Path(full.decode()).unlink()
        return read(full)

    monkeypatch.setattr(contents, "read_file", vanishing)

    version = project.save()

    assert project.files(version.commit) == ["a.py"]
    assert version.skipped == ()


def test_whatever_lies_in_flors_own_corner_of_git_is_survived(project):
    project.commit(a="1")
    first = project.save()
    last = project.git_folder / "flor/last-version"
    for content in (b"", b"garbage", b"\xff" * 50, b"0" * 40 + b"\n"):
        last.write_bytes(content)
        project.save()
    last.unlink()
    last.mkdir()

    project.save()

    assert project.git("rev-parse", "flor.shadow~5") == first.commit
    assert project.git("for-each-ref", "refs/flor") == ""


def test_a_repository_in_the_middle_of_a_bisection_is_saved_beside_it(project):
    first = project.commit(a="1")
    project.commit(a="2")
    project.git("bisect", "start", "HEAD", first)
    project.write("b.py")

    version = project.save()

    assert version.tree == project.git_tree()
    assert version.branch in (None, "main")


def test_a_file_in_the_place_of_gits_folder_is_no_repository(tmp_path, project):
    loose = type(project)(tmp_path / "loose")
    loose.write(".git", "not for git\n")
    loose.write("a.py")

    with pytest.raises(VersionNotSaved, match="is in no git repository"):
        loose.save()
