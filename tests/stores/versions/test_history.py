"""The chain of the shadow branch tells of every version, and of nothing that only looks like one."""

from __future__ import annotations

from contextlib import suppress
from subprocess import CalledProcessError

from florlib.stores.versions import links, open_archive, read_link, refs


def told(project):
    with open_archive([project.root]) as archive:
        return list(links(archive))


def test_versions_are_told_newest_first_as_they_were_saved(project):
    project.commit(a="1")
    project.write("big.bin", bytes(11_000_000))
    clean = project.save(name="first", command="train.py")
    project.write("b.py", "2")
    dirty = project.save()

    second, first = told(project)

    assert (second.commit, second.work_commit, second.tree) == (
        dirty.commit,
        dirty.work_commit,
        dirty.tree,
    )
    assert (second.base, second.branch, second.dirty) == (dirty.base, "main", 1)
    assert (second.run, second.name, second.ordinal) == ("20261123-221000-000002", "linear", 2)
    assert (second.command, second.author) == ("train.py --lr 0.1", "A Tester <tester@example.org>")
    assert second.saved.isoformat() == "2026-11-23T22:10:00+02:00"
    assert (first.name, first.work_commit, first.dirty) == ("first", clean.base, 0)
    assert first.skipped == (("big.bin", "untracked and over 10 MB"),)


def test_before_the_first_commit(project):
    project.write("a.py")
    version = project.save()

    (link,) = told(project)

    assert (link.commit, link.base, link.branch) == (version.commit, None, "main")


def test_work_that_was_merged_is_no_second_version(project):
    project.commit(a="1")
    project.write("a.py", "2")
    first = project.save()
    project.git("reset", "-q", "--hard", first.work_commit)
    project.git("branch", "-q", "-D", "flor.shadow")
    project.write("a.py", "3")
    second = project.save()
    third = project.save()

    with open_archive([project.root]) as archive:
        assert [one.commit for one in links(archive)] == [third.commit, second.commit]
        assert read_link(archive, first.work_commit) is None
        assert read_link(archive, first.commit).run == "20261123-221000-000001"
        assert read_link(archive, "0" * 40) is None


def test_on_the_branch_itself_the_users_own_commits_are_passed_over(project):
    project.commit(a="1")
    first = project.save()
    project.git("checkout", "-q", "flor.shadow")
    project.write("a.py", "2")
    second = project.save()
    project.commit(mine="3")
    third = project.save()

    found = told(project)

    assert [one.commit for one in found] == [third.commit, second.commit, first.commit]
    assert [one.branch for one in found] == ["flor.shadow", "flor.shadow", "main"]
    assert found[1].work_commit is None


def test_versions_that_are_on_no_branch_are_told_as_well(project, monkeypatch):
    project.commit(a="1")
    first = project.save()
    project.write(".git/refs/heads/flor.shadow.lock", "")
    monkeypatch.setattr(refs, "TRIES", 1)
    aside = project.save()
    (project.git_folder / "refs/heads/flor.shadow.lock").unlink()
    project.git("checkout", "-q", "flor.shadow")
    project.git("branch", "other")
    project.commit(a="2")
    project.git("checkout", "-q", "other")
    project.commit(a="3")
    project.git("checkout", "-q", "flor.shadow")
    with suppress(CalledProcessError):
        project.git("merge", "-q", "other")
    detached = project.save()

    found = [one.commit for one in told(project)]

    assert found[0] == first.commit
    assert set(found) == {first.commit, aside.commit, detached.commit}


def test_a_repository_without_versions_tells_none(project):
    project.commit(a="1")

    assert told(project) == []
