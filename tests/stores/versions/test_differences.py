"""What differs between two trees is what `git diff-tree` says."""

from __future__ import annotations

import os
import random
import shutil

import pytest

from florlib.stores.versions import changed_paths, open_archive
from florlib.stores.versions.differences import differences
from tests.deep import DEEP

NAMES = ("a", "a.b", "a0", "b.py", "c/d", "c/e/f", "c/e/g", "x y")
KINDS = {"A": "added", "D": "deleted", "M": "modified", "T": "modified"}


def edit(project, chance: random.Random) -> None:
    """Make, change or remove a file, a link or a folder."""
    path = project.root / chance.choice(NAMES)
    for parent in path.relative_to(project.root).parents:
        around = project.root / parent
        if around.is_symlink() or around.is_file():
            around.unlink()
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    kind = chance.randrange(5)
    if kind == 0:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(chance.choice(("a", "nowhere")))
    elif kind == 1:
        project.write(f"{path.relative_to(project.root)}/inside", str(chance.randrange(3)))
    elif kind < 4:
        file = project.write(str(path.relative_to(project.root)), str(chance.randrange(3)))
        file.chmod(chance.choice((0o644, 0o755)))


def by_git(project, old: str, new: str) -> dict[str, str]:
    """What differs, by path: a kind of git's and both entries."""
    words = ("diff-tree", "-r", "--raw", "--no-abbrev", "--no-renames", "-z", old, new)
    parts = project.git(*words).split("\0")
    return dict(zip(parts[1::2], parts[::2], strict=False))


@pytest.mark.parametrize("seed", range(40 if DEEP else 3))
def test_any_two_trees_differ_as_git_says(project, seed):
    chance = random.Random(seed)
    trees = []
    for _ in range(8):
        for _ in range(chance.randint(1, 4)):
            edit(project, chance)
        project.git("add", "-A")
        trees.append(project.git("write-tree"))

    with open_archive([project.root]) as archive:
        for old, new in zip(trees, trees[1:] + trees[:1], strict=True):
            expected = by_git(project, old, new)
            raw = {
                os.fsdecode(path): ":{:06o} {:06o} {} {}".format(
                    *((entry or (0, b"0" * 40))[0] for entry in (was, is_now)),
                    *((entry or (0, b"0" * 40))[1].decode() for entry in (was, is_now)),
                )
                for path, was, is_now in differences(archive, old.encode(), new.encode())
            }
            assert raw == {path: line.rpartition(" ")[0] for path, line in expected.items()}
            kinds = sorted((path, KINDS[line[-1]]) for path, line in expected.items())
            assert changed_paths(archive, old, new) == [(kind, path) for path, kind in kinds]


def test_beside_no_tree_all_is_added(project):
    project.write("a", "1")
    project.write("b/c", "2")
    tree = project.save().tree

    with open_archive([project.root]) as archive:
        assert changed_paths(archive, None, tree) == [("added", "a"), ("added", "b/c")]
