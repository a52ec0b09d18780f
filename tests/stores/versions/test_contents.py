"""What else goes into a version's tree: hidden, large and unchanged files, and other work trees."""

from __future__ import annotations

import os
import shutil
import time

from florlib.stores.versions import export, open_archive, present_tree


def test_a_second_version_sees_what_changed_in_between(project):
    project.commit(a="1")
    project.save()
    project.write("a.py", "2")
    project.write("new.py")

    version = project.save()

    assert version.tree == project.git_tree()
    assert version.dirty == 2


def test_from_a_folder_below_the_whole_work_tree_is_saved(project):
    project.commit(a="1")
    project.write("sub/b.py")
    below = type(project)(project.root / "sub")

    version = below.save()

    assert project.files(version.tree) == ["a.py", "sub/b.py"]


def test_a_linked_work_tree_and_its_repository_share_the_branch(project):
    project.commit(a="1")
    linked = type(project)(project.root.parent / "linked")
    project.git("worktree", "add", "-q", str(linked.root), "-b", "side")
    linked.write("b.py")
    project.write("c.py")

    there, here = linked.save(run="there"), project.save(run="here")

    assert (there.tree, there.branch) == (linked.git_tree(), "side")
    assert (here.tree, here.branch) == (project.git_tree(), "main")
    assert project.git("rev-parse", "flor.shadow~1") == there.commit


def test_a_work_tree_of_a_bare_repository(project):
    project.commit(a="1")
    bare = type(project)(project.root.parent / "bare.git")
    project.git("clone", "-q", "--bare", ".", str(bare.root))
    linked = type(project)(project.root.parent / "linked")
    bare.git("worktree", "add", "-q", str(linked.root), "-b", "side")
    linked.write(".gitattributes", "* text\n")
    linked.write("dos.py", "a\r\n")

    version = linked.save()

    assert version.tree == linked.git_tree()


def test_files_hidden_from_git_are_saved_as_they_are(project):
    project.commit(a="1", b="1")
    project.git("update-index", "--assume-unchanged", "a.py")
    project.git("update-index", "--skip-worktree", "b.py")
    project.write("a.py", "2")
    project.write("b.py", "3")

    version = project.save()

    assert project.git("show", f"{version.commit}:a.py") == "2"
    assert project.git("show", f"{version.commit}:b.py") == "3"


def test_large_files_are_streamed_to_the_same_object(project):
    with project.write("model.bin").open("wb") as file:
        file.truncate(20_000_000)
    project.commit()
    with (project.root / "model.bin").open("ab") as file:
        file.write(b"x")
    expected = project.git_tree()

    version = project.save()

    assert version.tree == expected


def test_unchanged_files_are_not_read(project):
    file = project.write("a.py", "1")
    project.commit()
    long_ago = time.time_ns() - 10**12
    os.utime(file, ns=(long_ago, long_ago))
    project.git("update-index", "--refresh")
    blob = project.git("rev-parse", "HEAD:a.py")
    (project.git_folder / "objects" / blob[:2] / blob[2:]).unlink()

    version = project.save()

    # Reading the file would have written the object that is missing now.
    assert project.git("ls-tree", version.commit).split()[2] == blob
    assert not (project.git_folder / "objects" / blob[:2] / blob[2:]).exists()


def test_what_was_changed_in_the_second_in_which_it_was_staged_is_seen(project):
    """git knows the seconds of times, and asks whether the index was written in the same one."""
    second = 1_700_000_000 * 10**9
    project.git("config", "core.trustctime", "false")  # its time of change cannot be set
    project.write(".gitattributes", "* text\n")
    os.utime(project.write("a.py", "1\n"), ns=(second, second))
    project.commit()
    os.utime(project.git_folder / "index", ns=(second, second))
    with (project.root / "a.py").open("r+") as file:
        file.write("2")
    os.utime(project.root / "a.py", ns=(second, second + 5))

    tree = project.save().tree

    assert project.git("show", f"{tree}:a.py") == "2"
    assert tree == project.git_tree()


def test_what_was_changed_in_a_submodule_is_a_version_of_its_own(project, tmp_path):
    other = type(project)(project.root.parent / "other")
    other.root.mkdir()
    other.git("init", "-q")
    other.commit(s="1")
    project.git("submodule", "--quiet", "add", str(other.root), "sub")
    project.commit(a="1")
    sub = type(project)(project.root / "sub")
    head = sub.git("rev-parse", "HEAD")
    clean = project.save()
    assert project.git("rev-parse", f"{clean.commit}:sub") == head
    assert sub.git("for-each-ref", "refs/heads/flor.shadow") == ""
    sub.write("s.py", "changed")
    sub.write("new.py", "new")
    before, expected = sub.untouchables(), sub.git_tree()

    changed, again = project.save(), project.save()

    work = project.git("rev-parse", f"{changed.commit}:sub")
    assert sub.git("rev-parse", f"{work}^{{tree}}") == expected
    assert sub.git("rev-parse", f"{work}^") == head
    assert again.tree == changed.tree
    assert sub.untouchables() == before
    assert project.git("status", "--short", "sub") == " m sub"
    assert project.git("fsck", "--full", "--strict", "--no-dangling") == ""
    out = tmp_path / "out"
    with open_archive([project.root]) as archive:
        done = export(archive, changed.tree, out, root=project.root)
        with present_tree(archive, project.root) as (_, tree):
            assert tree == changed.tree
    assert done.warnings == []
    assert (out / "sub/s.py").read_text() == "changed"
    assert (out / "sub/new.py").read_text() == "new"


def test_changes_in_a_submodule_that_cannot_be_saved_are_named(project):
    other = type(project)(project.root.parent / "other")
    other.root.mkdir()
    other.git("init", "-q")
    other.commit(s="1")
    project.git("submodule", "--quiet", "add", str(other.root), "sub")
    project.commit(a="1")
    sub = type(project)(project.root / "sub")
    sub.write("s.py", "changed")
    tree = sub.git_folder / "objects" / sub.git("rev-parse", "HEAD^{tree}")[:2]
    shutil.rmtree(tree)

    version = project.save()

    assert project.git("rev-parse", f"{version.commit}:sub") == sub.git("rev-parse", "HEAD")
    (skip,) = version.skipped
    assert skip.path == "sub/"
    assert skip.reason.startswith("what was changed in it was not saved (KeyError")
