"""What a version's commits say, and what can be done with them in git."""

from __future__ import annotations

from florlib.stores.versions import Skip


def test_the_work_is_one_commit_on_head_and_the_run_a_link_of_the_chain(project):
    base = project.commit(a="1")
    project.write("a.py", "2")

    first = project.save()
    project.write("b.py")
    second = project.save()

    parents = "--format=%P"
    assert project.git("log", "-1", parents, first.work_commit) == base
    assert project.git("log", "-1", parents, first.commit) == f"{base} {first.work_commit}"
    expected = f"{first.commit} {second.work_commit}"
    assert project.git("log", "-1", parents, second.commit) == expected
    assert project.git("rev-parse", "flor.shadow") == second.commit
    assert (second.base, second.branch, second.dirty) == (base, "main", 2)
    assert (second.store, second.skipped) == ("repository", ())


def test_a_clean_tree_needs_no_work_commit(project):
    base = project.commit(a="1")

    version = project.save()

    assert (version.work_commit, version.dirty) == (base, 0)
    assert project.git("log", "-1", "--format=%P", version.commit) == base


def test_before_the_first_commit(project):
    project.write("a.py")

    version = project.save()

    assert (version.base, version.branch, version.dirty) == (None, "main", 1)
    assert project.git("log", "-1", "--format=%P", version.work_commit) == ""
    assert project.git("log", "-1", "--format=%P", version.commit) == version.work_commit


def test_equal_code_shares_its_work_commit_and_says_so(project):
    project.commit(a="1")
    project.write("a.py", "2")

    first, second = project.save(), project.save()

    assert second.commit != first.commit
    assert second.work_commit == first.work_commit
    trailer = "--format=%(trailers:key=Flor-Same-Code,valueonly)"
    assert project.git("log", "-1", trailer, second.commit).strip() == first.commit


def test_the_message_is_a_line_and_trailers(project):
    base = project.commit(a="1")
    project.write("a.py", "2")
    project.write(".env", "TOKEN=1")

    version = project.save(command="train.py\n  --lr 0.1")

    assert version.skipped == (Skip(".env", "untracked and may hold secrets", 7),)
    assert project.git("log", "-1", "--format=%B", version.commit).strip() == (
        "flor: linear #1  (train.py --lr 0.1)\n\n"
        "Flor-Run: 20261123-221000-000001\n"
        "Flor-Name: linear\n"
        f"Flor-Base: main {base[:12]}\n"
        "Flor-Dirty: 1 file\n"
        "Flor-Skipped: .env (untracked and may hold secrets)"
    )
    assert project.git("log", "-1", "--format=%aI", version.commit) == "2026-11-23T22:10:00+02:00"


def test_the_author_is_the_users_unsigned_and_without_hooks(project):
    project.commit(a="1")
    project.git("config", "commit.gpgSign", "true")
    for hook in ("pre-commit", "commit-msg", "post-commit", "post-index-change"):
        project.write(f".git/hooks/{hook}", "#!/bin/sh\ntouch ran\n").chmod(0o755)
    project.write(".gitattributes", "* text=auto\n")

    version = project.save()

    who = project.git("log", "-1", "--format=%an %ae %G?", version.commit)
    assert who == "A Tester tester@example.org N"
    assert not (project.root / "ran").exists()


def test_without_a_name_flor_is_the_author(project, flor_home):
    project.write("a.py")
    (flor_home.parent / ".gitconfig").unlink()

    version = project.save()

    assert project.git("log", "-1", "--format=%an <%ae>", version.commit) == "flor <flor@localhost>"


def test_any_work_can_be_merged_and_picked_in_any_order(project):
    project.commit(a="1", b="1", c="1")
    saved = []
    for name in ("a", "b", "c"):
        project.write(f"{name}.py", "2")
        saved.append(project.save())
        project.git("checkout", "-q", "--", ".")

    project.git("merge", "-q", "--no-edit", saved[2].work_commit)
    project.git("merge", "-q", "--no-edit", saved[0].work_commit)
    project.git("cherry-pick", saved[1].work_commit)

    assert [(project.root / f"{name}.py").read_text() for name in "abc"] == ["2", "2", "2"]


def test_runs_are_the_first_parents_of_the_shadow_branch(project):
    project.commit(a="1")
    project.save()
    project.commit(a="2")
    project.save()

    subjects = project.git("log", "--first-parent", "--format=%s", "main..flor.shadow")

    assert subjects.splitlines() == [
        "flor: linear #2  (train.py --lr 0.1)",
        "flor: linear #1  (train.py --lr 0.1)",
    ]
