"""What differs between two versions is what git says, and a patch is one that git applies."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from florlib.ground.errors import VersionMissing
from florlib.stores.versions import (
    changed_paths,
    changes,
    count_lines,
    holds,
    open_archive,
    patch,
    present_tree,
)

LETTERS = {"added": "A", "deleted": "D", "modified": "M", "renamed": "R", "copied": "C"}
TEXT = "".join(f"line {number}\n" for number in range(40))


def before(project):
    project.write("moved.py", TEXT)
    project.write("changed.py", "a\nb\nc\n")
    project.write("gone/x.py", "x\n")
    project.write("run.sh").chmod(0o644)
    project.write("no-newline", "a\nb")
    project.write("becomes-a-link", "text\n")
    project.write('odd "name"\tü.py', "1\n")
    project.write("model.bin", bytes(range(256)))


def after(project):
    (project.root / "moved.py").rename(project.root / "there.py")
    project.write("there.py", TEXT + "one more\n")
    project.write("changed.py", "a\nB\nc\nd\n")
    (project.root / "gone/x.py").unlink()
    (project.root / "run.sh").chmod(0o755)
    project.write("no-newline", "a\nc")
    (project.root / "becomes-a-link").unlink()
    (project.root / "becomes-a-link").symlink_to("changed.py")
    project.write('odd "name"\tü.py', "2\n")
    project.write("new/file.py", "new\n")


@pytest.fixture
def versions(project):
    """Two versions, between which files were changed in many ways."""
    before(project)
    project.commit()
    first = project.save()
    after(project)
    return project, first, project.save()


def test_the_changed_files_are_gits(versions):
    project, first, second = versions

    with open_archive([project.root]) as archive:
        found = changes(archive, first.tree, second.tree)
        counted = {one.path: count_lines(archive, one) for one in found}

    told = project.git("diff", "-M", "-z", "--name-status", first.commit, second.commit)
    words = told.rstrip("\0").split("\0")
    expected = set()
    while words:
        letter, path = words.pop(0), words.pop(0)
        expected.add((letter[0], path, words.pop(0) if letter[0] == "R" else path))
    ours = {(LETTERS[one.kind], one.old_path, one.path) for one in found}
    assert ours == {("M" if letter == "T" else letter, *paths) for letter, *paths in expected}
    assert (counted["there.py"].added, counted["there.py"].deleted) == (1, 0)
    assert (counted["changed.py"].added, counted["changed.py"].deleted) == (2, 1)


def test_git_applies_the_patch(versions, tmp_path):
    project, first, second = versions
    with open_archive([project.root]) as archive:
        found = changes(archive, first.tree, second.tree)
        text = b"".join(line for one in found for line in patch(archive, one))
    index = tmp_path / "index"
    project.git("read-tree", first.tree, index=index)

    subprocess.run(
        ["git", "apply", "--cached", "-"],
        cwd=project.root,
        env={**os.environ, "GIT_INDEX_FILE": str(index)},
        input=text,
        check=True,
    )

    assert project.git("write-tree", index=index) == second.tree


def test_of_a_binary_file_the_sizes_are_told(project):
    project.write("model.bin", bytes(256))
    first = project.save()
    project.write("model.bin", bytes(300))
    second = project.save()

    with open_archive([project.root]) as archive:
        (change,) = changes(archive, first.tree, second.tree)
        lines, text = count_lines(archive, change), patch(archive, change)

    assert (lines.added, lines.old_bytes, lines.new_bytes) == (None, 256, 300)
    assert text[-1] == b"Binary files a/model.bin and b/model.bin differ\n"


def test_some_paths_alone(versions):
    project, first, second = versions

    with open_archive([project.root]) as archive:
        found = changes(archive, first.tree, second.tree, ["gone", "new/", "moved.py"])
        quick = changed_paths(archive, first.tree, second.tree)

    assert [one.path for one in found] == ["gone/x.py", "new/file.py", "there.py"]
    assert ("deleted", "moved.py") in quick
    assert ("added", "there.py") in quick


def test_against_nothing_all_is_added(versions):
    project, first, _ = versions

    with open_archive([project.root]) as archive:
        found = changes(archive, None, first.tree)

        assert {one.kind for one in found} == {"added"}
        assert holds(archive, first.tree, "gone/x.py")
        assert holds(archive, first.tree, "gone")
        assert not holds(archive, first.tree, "gone/y.py")
        assert not holds(archive, first.tree, "changed.py/y")


@pytest.mark.parametrize("attributes", [None, "*.txt text\n"], ids=["plain", "filters"])
def test_the_working_tree_is_compared_and_the_repository_not_touched(project, attributes):
    if attributes:
        project.write(".gitattributes", attributes)
    project.write("a.txt", "1\n")
    project.commit()
    version = project.save()
    project.write("a.txt", "2\r\n" if attributes else "2\n")
    project.write("untracked.py", "new\n")
    before = objects(project.git_folder)

    with open_archive([project.root]) as archive, present_tree(archive, project.root) as now:
        beside, tree = now
        found = changes(beside, version.tree, tree)
        text = b"".join(patch(beside, found[0]))

    assert [(one.kind, one.path) for one in found] == [
        ("modified", "a.txt"),
        ("added", "untracked.py"),
    ]
    assert text.endswith(b"-1\n+2\n")
    assert objects(project.git_folder) == before


def objects(folder: Path) -> list[Path]:
    return sorted((folder / "objects").rglob("*"))


def test_a_submodule_is_its_commit(project):
    other = type(project)(project.root.parent / "other")
    other.root.mkdir()
    other.git("init", "-q")
    other.commit(s="1")
    project.git("submodule", "--quiet", "add", str(other.root), "sub")
    project.commit()
    first = project.save()
    moved = type(project)(project.root / "sub").commit(s="2")
    second = project.save()

    with open_archive([project.root]) as archive:
        (change,) = changes(archive, first.tree, second.tree)
        text = b"".join(patch(archive, change)).decode()

    assert text.endswith(f"+Subproject commit {moved}\n")


def test_an_object_that_git_has_cleared_away_is_named(project):
    version = project.save()
    (project.git_folder / "objects" / version.tree[:2] / version.tree[2:]).unlink()

    with (
        pytest.raises(VersionMissing, match=f"has no object {version.tree[:12]}"),
        open_archive([project.root]) as archive,
    ):
        changes(archive, None, version.tree)


def test_what_is_no_repository_is_said(tmp_path):
    with pytest.raises(VersionMissing, match="cannot be read"), open_archive([tmp_path]):
        pass
