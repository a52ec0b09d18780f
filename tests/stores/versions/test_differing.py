"""What a version has otherwise than the working tree is laid out, once for each tree."""

from __future__ import annotations

import os

import pytest

from florlib.ground.errors import VersionMissing
from florlib.stores.versions import WorkingTree, differing


@pytest.fixture
def exports(tmp_path):
    return tmp_path / "exports"


def test_what_is_different_or_gone_is_laid_out_and_what_is_new_is_named(project, exports):
    project.write("train.py", "1\n")
    project.write("pkg/gone.py", "2\n")
    project.write("run.sh", "x").chmod(0o755)
    project.write("same", "same")
    (project.root / "link").symlink_to("same")
    version = project.save()
    project.write("train.py", "changed\n")
    project.write("run.sh", "y")
    project.write("new.py", "3\n")
    for name in ("pkg/gone.py", "link"):
        (project.root / name).unlink()

    with WorkingTree(project.root) as tree:
        found = tree.lay_out(version.commit, exports)

    assert sorted(found.changed) == ["link", "pkg/gone.py", "run.sh", "train.py"]
    assert found.changed["train.py"].read_text() == "1\n"
    assert found.changed["pkg/gone.py"].read_text() == "2\n"
    assert os.access(found.changed["run.sh"], os.X_OK)
    assert os.readlink(found.changed["link"]) == "same"
    assert (found.newer, found.unknown) == ({"new.py"}, [])


def test_the_same_version_is_laid_out_once(project, exports):
    project.write("train.py", "1\n")
    version = project.save()
    project.write("train.py", "2\n")
    with WorkingTree(project.root) as tree:
        first = tree.lay_out(version.commit, exports).changed["train.py"]
        before = first.stat()

    with WorkingTree(project.root) as tree:
        again = tree.lay_out(version.commit, exports).changed["train.py"]

    assert again == first
    assert (again.stat().st_ino, again.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_the_files_are_looked_at_once_for_all_versions(project, exports, monkeypatch):
    versions = []
    for number in range(3):
        project.write("train.py", f"{number}\n")
        versions.append(project.save())
    project.write("train.py", "now\n")
    looked, look = [], differing.present_tree
    monkeypatch.setattr(
        differing, "present_tree", lambda *words: looked.append(words) or look(*words)
    )

    with WorkingTree(project.root) as tree:
        found = [tree.lay_out(one.commit, exports).changed["train.py"] for one in versions]

    assert [file.read_text() for file in found] == ["0\n", "1\n", "2\n"]
    assert len(looked) == 1


def test_nothing_is_looked_at_where_no_version_is_laid_out(project, monkeypatch):
    monkeypatch.delattr(differing, "present_tree")

    with WorkingTree(project.root):
        pass


def test_of_a_folder_below_paths_are_relative_to_it(project, exports):
    project.write("sub/a.py", "1\n")
    project.write("b.py", "1\n")
    version = project.save()
    project.write("sub/a.py", "2\n")
    project.write("b.py", "2\n")

    with WorkingTree(project.root / "sub") as tree:
        found = tree.lay_out(version.commit, exports)

    assert list(found.changed) == ["a.py"]


def test_line_ends_are_those_of_a_checkout(project, exports):
    project.write(".gitattributes", "*.txt text eol=crlf\n")
    project.write("a.txt", "1\r\n")
    version = project.save()
    project.write("a.txt", "2\r\n")

    with WorkingTree(project.root) as tree:
        found = tree.lay_out(version.commit, exports)

    assert found.changed["a.txt"].read_bytes() == b"1\r\n"


def test_a_version_that_is_gone_is_told(project, exports):
    project.save()

    with WorkingTree(project.root) as tree, pytest.raises(VersionMissing, match="0123456789ab"):
        tree.lay_out("0123456789abcdef0123456789abcdef01234567", exports)
