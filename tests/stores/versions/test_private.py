"""Versions of a project that lies in no git repository."""

from __future__ import annotations

import pytest

from florlib.stores.versions import read_source


@pytest.fixture
def loose(project, tmp_path):
    """A folder that is in no repository, with one script."""
    made = type(project)(tmp_path / "loose")
    made.root.mkdir()
    made.write("train.py", "1")
    return made


@pytest.fixture
def store(tmp_path, project):
    """Where the private store will be, and the git commands typed in it."""
    return type(project)(tmp_path / "home/linear/repo.git")


def test_the_store_is_created_and_holds_the_chain(loose, store):
    first = loose.save(private_store=store.root)
    loose.write("train.py", "2")
    second = loose.save(private_store=store.root)

    assert (first.store, first.base, first.branch, first.dirty) == ("private", None, None, 1)
    assert store.git("rev-parse", "flor.shadow") == second.commit
    assert store.git("log", "-1", "--format=%P", second.commit) == (
        f"{first.commit} {second.work_commit}"
    )
    assert store.git("fsck", "--full", "--strict", "--no-dangling") == ""
    assert [path.name for path in loose.root.iterdir()] == ["train.py"]
    assert [path.name for path in store.root.parent.iterdir()] == ["repo.git"]


def test_ignore_files_and_policy_count_and_bytes_are_kept(loose, store):
    loose.write(".gitignore", "*.log\n")
    loose.write(".gitattributes", "* text\n")
    loose.write("a.log")
    loose.write("venv/pyvenv.cfg")
    loose.write("dos.py", "a\r\n")

    version = loose.save(private_store=store.root)

    saved = [".gitattributes", ".gitignore", "dos.py", "train.py"]
    assert store.files(version.commit) == saved
    found = read_source(loose.root, version.commit, "dos.py", private_store=store.root)
    assert found == b"a\r\n"


def test_a_store_inside_of_the_project_is_not_saved_in_itself(loose):
    store = loose.root / "home/repo.git"

    loose.save(private_store=store)
    version = loose.save(private_store=store)

    assert type(loose)(store).files(version.commit) == ["train.py"]


@pytest.mark.process
def test_runs_that_create_the_store_together_share_it(loose, store, save_at_once):
    statuses = save_at_once(loose.root, 4, store.root)

    assert statuses == [0] * 4
    # four links, and the work commit at the root, which they share or which is the first one's
    assert store.git("rev-list", "--first-parent", "--count", "flor.shadow") == "5"
    assert [path.name for path in store.root.parent.iterdir()] == ["repo.git"]
