"""The shadow branch under concurrent runs, foreign locks and other people's plans for its name."""

from __future__ import annotations

import subprocess

import pytest

from florlib.stores.versions import links, open_archive, refs


@pytest.mark.process
def test_eight_runs_at_once_lose_nothing(project, save_at_once, tmp_path):
    project.commit(**{f"f{i}": str(i) for i in range(20)})
    project.write("new.py")

    statuses = save_at_once(project.root, 8, tmp_path / "unused.git")

    trailer = "--format=%(trailers:key=Flor-Run,valueonly,separator=)"
    chain = project.git("log", "--first-parent", trailer, "main..flor.shadow").split()
    assert statuses == [0] * 8
    assert sorted(chain) == [f"run{i}" for i in range(8)]
    assert project.git("fsck", "--full", "--strict", "--no-dangling") == ""


def test_a_locked_branch_leaves_the_run_a_reference_of_its_own(project, monkeypatch):
    project.commit(a="1")
    first = project.save()
    project.write(".git/refs/heads/flor.shadow.lock", "")
    monkeypatch.setattr(refs, "TRIES", 3)

    second = project.save(run="late")

    assert project.git("rev-parse", "flor.shadow") == first.commit
    assert project.git("rev-parse", "refs/flor/runs/late") == second.commit
    assert project.git("rev-parse", f"{second.commit}^1") == first.commit


def test_a_branch_below_the_name_leaves_the_run_a_reference_of_its_own(project):
    project.commit(a="1")
    project.git("branch", "flor.shadow/mine")

    version = project.save(run="here")

    assert project.git("rev-parse", "refs/flor/runs/here") == version.commit


def test_a_branch_that_another_work_tree_stands_on_is_not_moved(project):
    project.commit(a="1")
    first = project.save()
    linked = type(project)(project.root.parent / "linked")
    project.git("worktree", "add", "-q", str(linked.root), "flor.shadow")

    second = project.save(run="here")

    assert project.git("rev-parse", "flor.shadow") == first.commit
    assert project.git("rev-parse", "refs/flor/runs/here") == second.commit
    assert linked.git("status", "--porcelain") == ""


def test_a_packed_branch_goes_on(project):
    project.commit(a="1")
    first = project.save()
    project.git("gc", "-q", "--prune=now")

    second = project.save()

    assert project.git("rev-parse", "flor.shadow~1") == first.commit
    assert project.git("rev-parse", "flor.shadow") == second.commit


def test_a_deleted_branch_starts_anew(project):
    project.commit(a="1")
    project.save()
    project.git("branch", "-q", "-D", "flor.shadow")
    project.git("reflog", "expire", "--expire=now", "--all")
    project.git("gc", "-q", "--prune=now")

    version = project.save()

    assert project.git("rev-parse", "flor.shadow") == version.commit
    assert project.git("fsck", "--full", "--strict") == ""


@pytest.mark.parametrize("branch", ["main", "flor.shadow"])
def test_versions_that_a_rewound_branch_has_lost_are_kept(project, branch):
    project.commit(a="1")
    first = project.save()
    project.git("checkout", "-q", branch)
    project.write("a.py", "2")
    second = project.save()
    project.git("checkout", "-q", "--force", "main")
    project.git("branch", "-f", "flor.shadow", first.commit)
    project.git("checkout", "-q", branch)

    third = project.save()
    fourth = project.save()

    assert project.git("for-each-ref", "--format=%(objectname)", "refs/flor") == second.commit
    assert project.git("rev-parse", "flor.shadow~2") == first.commit
    with open_archive([project.root]) as archive:
        told = {link.commit for link in links(archive)}
    assert told == {one.commit for one in (first, second, third, fourth)}


def test_a_branch_that_only_went_on_needs_no_keeping(project):
    project.commit(a="1")
    project.save()
    project.git("checkout", "-q", "flor.shadow")
    project.commit(mine="1")
    project.git("checkout", "-q", "main")

    project.save()

    assert project.git("for-each-ref", "refs/flor") == ""


def test_git_is_told_not_to_push_the_branch_once(project):
    project.commit(a="1")
    config = project.git_folder / "config"
    config.write_text("# mine\n" + config.read_text().rstrip("\n"))
    config.chmod(0o600)

    project.save()
    project.git("config", "--unset", "branch.flor.shadow.pushRemote")
    project.save()

    lines = config.read_text().splitlines()
    assert lines[0] == "# mine"
    assert lines.count('[branch "flor.shadow"]') <= 1
    assert config.stat().st_mode & 0o777 == 0o600
    with pytest.raises(subprocess.CalledProcessError):
        project.git("config", "branch.flor.shadow.pushRemote")


def test_pushing_takes_the_users_branch_alone(project):
    project.commit(a="1")
    origin = project.root.parent / "origin.git"
    project.git("init", "-q", "--bare", str(origin))
    project.git("remote", "add", "origin", str(origin))
    project.save()

    project.git("push", "-q", "origin", "main")
    project.git("checkout", "-q", "flor.shadow")
    with pytest.raises(subprocess.CalledProcessError):
        project.git("push", "-q")

    assert project.git("config", "branch.flor.shadow.pushRemote") == "flor-never-push"
    assert "flor" not in project.git("ls-remote", "origin")


def test_a_locked_configuration_is_left_alone(project):
    project.commit(a="1")
    before = (project.git_folder / "config").read_bytes()
    lock = project.write(".git/config.lock", "theirs")

    version = project.save()

    assert project.git("rev-parse", "flor.shadow") == version.commit
    assert (project.git_folder / "config").read_bytes() == before
    assert lock.read_text() == "theirs"
