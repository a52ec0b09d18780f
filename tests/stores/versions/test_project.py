"""Where a project begins, and places that are none."""

from __future__ import annotations

import subprocess
import sys

import pytest

from florlib.ground.errors import VersionNotSaved
from florlib.stores.versions import find_project


def test_the_root_is_found_from_below(project):
    below = project.write("a/b/c.py").parent

    assert find_project(below) == project.root
    assert find_project(project.root) == project.root


def test_through_a_link_the_real_root_is_found(project, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(project.root)

    assert find_project(link) == project.root


def test_a_linked_work_tree_and_a_submodule_have_roots_of_their_own(project, tmp_path):
    project.commit(a="1")
    project.git("worktree", "add", "-q", str(tmp_path / "linked"))
    project.git("submodule", "--quiet", "add", str(project.root), "sub")

    assert find_project(tmp_path / "linked") == tmp_path / "linked"
    assert find_project(project.root / "sub") == project.root / "sub"


def test_folders_that_only_look_like_repositories_are_passed_over(project):
    (project.root / "fake/.git").mkdir(parents=True)

    assert find_project(project.root / "fake") == project.root


def test_outside_of_repositories_there_is_no_project(tmp_path):
    assert find_project(tmp_path) is None


@pytest.mark.parametrize("inside", [".git", ".git/objects"])
def test_inside_of_the_git_folder_there_is_no_project(project, inside):
    assert find_project(project.root / inside) is None


def test_a_bare_repository_saves_nothing(project, tmp_path):
    project.git("init", "-q", "--bare", str(tmp_path / "bare.git"))
    bare = type(project)(tmp_path / "bare.git")

    with pytest.raises(VersionNotSaved, match="bare"):
        bare.save(private_store=tmp_path / "store.git")


def test_without_a_repository_and_a_private_store_nothing_is_saved(project, tmp_path):
    elsewhere = type(project)(tmp_path)

    with pytest.raises(VersionNotSaved, match="no git repository"):
        elsewhere.save()


def test_a_repository_at_home_saves_nothing(project, monkeypatch):
    project.write("work/train.py")
    monkeypatch.setenv("HOME", str(project.root))

    with pytest.raises(VersionNotSaved, match="too broad"):
        type(project)(project.root / "work").save()


@pytest.mark.process
def test_finding_a_project_does_not_load_dulwich(tmp_path):
    code = """
import sys
from pathlib import Path
from florlib.stores.versions import find_project
find_project(Path.cwd())
print("dulwich" in sys.modules)
"""

    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)

    assert ended.stdout == "False\n"
