"""Versions saved one after another are those that git would save anew each time, by looking at what changed alone."""

from __future__ import annotations

import os
import random
import shutil
import time
from pathlib import Path

import pytest

from florlib.stores.versions import walk
from tests.deep import DEEP
from tests.projects import GitProject
from tests.stores.versions.test_tree import ROWS

NAMES = ("a.py", "b.csv", "c", "d.log", "e.txt")
FOLDERS = ("", "p/", "p/q/", "r/", "r/s/t/")
RULES = ("*.log\n", "*.csv\n", "/c\n", "q/\n", "!d.log\n", "*\n!*/\n!*.py\n", "")


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The folders that were looked at name by name."""
    found: list[bytes] = []
    look = walk._Walker._look

    def noting(walker, folder, *rest):
        found.append(folder.path)
        return look(walker, folder, *rest)

    monkeypatch.setattr(walk._Walker, "_look", noting)
    return found


def age() -> None:
    """Let the files become older than what may change unseen."""
    time.sleep(0.05)


def cache_of(project: GitProject) -> Path:
    return project.git_folder / "flor/tree.cache"


@pytest.mark.parametrize("arrange", ROWS, ids=lambda row: row.__name__)
def test_a_second_version_is_gits_as_well(project, arrange):
    arrange(project)
    expected = project.git_tree()
    age()

    trees = [project.save().tree for _ in range(3)]

    assert trees == [expected] * 3
    if "sparse" in arrange.__name__:
        return  # git adds nothing beyond what is checked out
    project.write("p/new.py")
    assert project.save().tree == project.git_tree()
    age()
    project.write("p/new.py", "again\n")
    assert project.save().tree == project.git_tree()


def test_only_folders_in_which_something_changed_are_looked_at(project, looked):
    for folder in FOLDERS:
        for name in NAMES:
            project.write(folder + name)
    project.write(".gitignore", "*.log\n")
    project.commit()
    project.write("r/untracked.py")
    age()
    project.save()
    assert len(looked) == 6
    looked.clear()

    project.save()
    assert looked == []
    project.write("p/q/a.py", "another\n")
    age()
    changed = project.save()
    assert looked == []  # a file is read, no name is judged
    project.write("r/s/t/new.py")
    age()
    added = project.save()

    assert looked == [b"r/s/t"]
    assert project.git("diff", "--name-status", changed.tree, added.tree) == "A\tr/s/t/new.py"
    assert added.tree == project.git_tree()
    looked.clear()
    project.write("p/.gitignore", "*.csv\n")
    age()
    project.save()
    assert looked == [b"p", b"p/q"]  # where it has a say


def test_what_is_left_out_is_told_each_time(project):
    project.commit(a="1")
    inner = GitProject(project.root / "inner")
    inner.root.mkdir()
    inner.git("init", "-q")
    inner.commit(a="2")
    project.write("wandb/run/log.txt")
    project.write("more/.env", "SECRET=2")
    age()
    first = project.save()

    second = project.save()

    assert second.skipped == first.skipped
    assert {skip.path for skip in first.skipped} == {"wandb/", "more/.env", "inner/"}


def test_a_nested_repository_that_goes_on_is_seen(project):
    inner = GitProject(project.root / "inner")
    inner.root.mkdir()
    inner.git("init", "-q")
    inner.commit(a="1")
    age()
    project.save()
    head = inner.commit(a="2")

    version = project.save()

    assert head in project.git("ls-tree", version.tree)


def test_limits_on_untracked_files_hold_over_all_of_them(project, monkeypatch):
    from florlib.stores.versions import policy

    monkeypatch.setattr(policy, "TOTAL_LIMIT_FILES", 3)
    for name in ("p/1.bin", "q/2.bin", "r/3.bin"):
        project.write(name, name)
    age()
    project.save()
    project.write("z.py")

    version = project.save()  # code comes first

    assert project.files(version.commit) == ["p/1.bin", "q/2.bin", "z.py"]
    (project.root / "z.py").unlink()
    assert project.files(project.save().commit) == ["p/1.bin", "q/2.bin", "r/3.bin"]


@pytest.mark.parametrize("damage", ["cut", "flipped", "foreign", "folder", "absent"])
def test_a_cache_that_cannot_be_used_changes_nothing(project, damage):
    project.commit(a="1")
    project.write("new.py")
    age()
    first = project.save()
    cache = cache_of(project)
    content = cache.read_bytes()
    if damage == "cut":
        cache.write_bytes(content[: len(content) // 2])
    elif damage == "flipped":
        cache.write_bytes(content[:-3] + bytes([content[-3] ^ 1]) + content[-2:])
    elif damage == "foreign":
        cache.write_bytes(b"flor tree cache 0\n" + content[18:])
    else:
        cache.unlink()
        if damage == "folder":
            cache.mkdir()

    assert project.save().tree == first.tree


def test_trees_that_git_has_cleared_away_are_written_again(project):
    project.commit(a="1")
    project.write("p/new.py")
    age()
    version = project.save()
    project.git("update-ref", "-d", "refs/heads/flor.shadow")
    shutil.rmtree(project.git_folder / "flor/last-version", ignore_errors=True)
    (project.git_folder / "flor/last-version").unlink(missing_ok=True)
    project.git("-c", "gc.pruneExpire=now", "gc", "-q", "--prune=now")

    again = project.save()

    assert again.tree == version.tree
    assert project.git("fsck", "--full", "--strict", "--no-dangling") == ""


def test_nothing_is_kept_of_files_that_may_still_change_unseen(project, looked):
    project.commit(a="1")
    project.write("p/new.py", "1")
    project.save()
    looked.clear()

    project.save()

    assert b"p" in looked


def edit(project: GitProject, chance: random.Random) -> None:
    """Change something in a project, as a person or a program might."""
    path = chance.choice(FOLDERS) + chance.choice(NAMES)
    file = project.root / path
    kind = chance.randrange(12)
    if any(
        parent.is_file() or parent.is_symlink() for parent in file.parents if parent != project.root
    ):
        kind = 11
    if kind < 4 and not file.is_dir():
        project.write(path, chance.choice(("x\n", "y\n", "longer\n")))
    elif kind == 4 and file.is_file() and not file.is_symlink():
        status = file.stat()  # another content of the same size, and the times of before
        file.write_bytes(bytes(reversed(file.read_bytes())))
        os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    elif kind == 5 and not file.is_dir():
        file.unlink(missing_ok=True)
    elif kind == 6:
        if file.is_dir():
            shutil.rmtree(file)
            project.write(path, "a file now\n")
        else:
            file.unlink(missing_ok=True)
            project.write(path + "/inside.py")
    elif kind == 7:
        project.write(chance.choice(FOLDERS) + ".gitignore", chance.choice(RULES))
    elif kind == 8:
        project.write(chance.choice(FOLDERS) + ".gitattributes", chance.choice(("* text\n", "")))
    elif kind == 9:
        age()
        project.git("add", "-A")
    elif kind == 10 and file.is_file() and not file.is_symlink():
        file.chmod(chance.choice((0o644, 0o755)))
    elif kind == 11:
        shutil.rmtree(project.root / chance.choice(("p", "r/s")), ignore_errors=True)


@pytest.mark.parametrize("seed", range(40 if DEEP else 3))
def test_after_any_edits_the_tree_is_gits(project, seed):
    chance = random.Random(seed)
    project.commit(a="1")
    for step in range(25):
        for _ in range(chance.randint(1, 3)):
            edit(project, chance)
        if chance.random() < 0.6:
            age()

        tree = project.save().tree

        assert tree == project.git_tree(), step
