"""The user who stands on flor.shadow, as the first manuals of flor advised."""

from __future__ import annotations

import subprocess

import pytest

from florlib.stores.versions import onbranch


@pytest.fixture
def on_shadow(project):
    """A project with one commit, on the shadow branch."""
    project.commit(a="1", b="1")
    project.git("checkout", "-q", "-b", "flor.shadow")
    return project


def test_head_advances_and_the_status_is_clean(on_shadow):
    base = on_shadow.git("rev-parse", "HEAD")
    on_shadow.write("a.py", "2")
    on_shadow.write("new.py")
    on_shadow.write("staged.py")
    on_shadow.git("add", "staged.py")
    (on_shadow.root / "b.py").unlink()
    expected = on_shadow.git_tree()

    version = on_shadow.save()

    assert on_shadow.git("status", "--porcelain") == ""
    assert on_shadow.git("symbolic-ref", "HEAD") == "refs/heads/flor.shadow"
    assert on_shadow.git("rev-parse", "HEAD") == version.commit == version.work_commit
    assert on_shadow.git("log", "-1", "--format=%P") == base == version.base
    assert (version.tree, version.branch, version.dirty) == (expected, "flor.shadow", 4)


def test_the_index_keeps_what_it_knew_of_the_files(on_shadow):
    on_shadow.write("a.py", "2")

    on_shadow.save()

    # With the files' times in it, git finds nothing to refresh.
    assert on_shadow.git("diff-files") == ""
    assert on_shadow.git("diff-index", "--cached", "HEAD") == ""


def test_a_clean_tree_is_still_a_link_of_its_own(on_shadow):
    base = on_shadow.git("rev-parse", "HEAD")

    version = on_shadow.save()

    assert on_shadow.git("rev-parse", "HEAD~1") == base == version.work_commit
    assert version.dirty == 0


def test_on_a_branch_without_commits(project):
    project.git("checkout", "-q", "-b", "flor.shadow")
    project.write("a.py")

    version = project.save()

    assert project.git("status", "--porcelain") == ""
    assert project.git("rev-list", "HEAD") == version.commit


def test_nothing_of_git_is_left_behind(on_shadow):
    on_shadow.write("a.py", "2")
    before = {path.name for path in on_shadow.git_folder.iterdir()}

    on_shadow.save()

    assert {path.name for path in on_shadow.git_folder.iterdir()} == before | {"flor"}


def test_in_the_middle_of_a_merge_the_run_gets_a_reference_of_its_own(on_shadow):
    on_shadow.commit(a="2")
    on_shadow.git("checkout", "-q", "main")
    on_shadow.commit(a="3")
    on_shadow.git("checkout", "-q", "flor.shadow")
    head = on_shadow.git("rev-parse", "HEAD")
    with pytest.raises(subprocess.CalledProcessError):
        on_shadow.git("merge", "main")
    before = on_shadow.untouchables()

    version = on_shadow.save(run="midway")

    assert on_shadow.git("rev-parse", "refs/flor/detached/midway") == version.commit
    assert on_shadow.git("rev-parse", "HEAD") == head
    assert on_shadow.untouchables() == before
    assert (on_shadow.git_folder / "MERGE_HEAD").exists()


def test_in_the_middle_of_a_rebase_of_it_the_branch_stays(on_shadow):
    on_shadow.commit(a="2")
    tip = on_shadow.git("rev-parse", "HEAD")
    on_shadow.git("checkout", "-q", "main")
    on_shadow.commit(a="3")
    on_shadow.git("checkout", "-q", "flor.shadow")
    with pytest.raises(subprocess.CalledProcessError):
        on_shadow.git("rebase", "-q", "main")

    version = on_shadow.save(run="midway")

    assert on_shadow.git("rev-parse", "refs/flor/detached/midway") == version.commit
    assert on_shadow.git("rev-parse", "flor.shadow") == tip


def test_without_the_git_binary_head_stays(on_shadow, monkeypatch, tmp_path):
    head = on_shadow.git("rev-parse", "HEAD")
    on_shadow.write("a.py", "2")
    with monkeypatch.context() as patch:
        patch.setenv("PATH", str(tmp_path / "nothing"))

        version = on_shadow.save(run="here")

    assert on_shadow.git("rev-parse", "HEAD") == head
    assert on_shadow.git("rev-parse", "refs/flor/detached/here") == version.commit


def test_with_a_locked_index_head_stays(on_shadow, monkeypatch):
    head = on_shadow.git("rev-parse", "HEAD")
    on_shadow.write("a.py", "2")
    lock = on_shadow.write(".git/index.lock", "theirs")
    before = on_shadow.untouchables()
    monkeypatch.setattr(onbranch, "TRIES", 2)

    version = on_shadow.save(run="here")

    assert on_shadow.git("rev-parse", "HEAD") == head
    assert on_shadow.git("rev-parse", "refs/flor/detached/here") == version.commit
    assert on_shadow.untouchables() == before
    assert lock.read_text() == "theirs"


def test_with_a_locked_branch_the_index_stays(on_shadow, monkeypatch):
    on_shadow.write("a.py", "2")
    on_shadow.write(".git/refs/heads/flor.shadow.lock", "theirs")
    before = on_shadow.untouchables()
    monkeypatch.setattr(onbranch, "TRIES", 2)

    version = on_shadow.save(run="here")

    assert on_shadow.git("rev-parse", "refs/flor/detached/here") == version.commit
    assert on_shadow.untouchables() == before
    assert not (on_shadow.git_folder / "index.lock").exists()
