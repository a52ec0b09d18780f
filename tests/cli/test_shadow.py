"""`flor shadow`: which versions there are, what they hold, and what becomes of them."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from dulwich.objects import Commit
from dulwich.repo import Repo
from typer.testing import CliRunner

from florctl.cli import shadow
from florctl.cli.app import app
from florctl.cli.views import versions as shadow_views
from tests.homes import Home
from tests.projects import GitProject, record

Flor = Callable[..., Any]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> GitProject:
    """A repository with one commit, in which commands are typed."""
    made = GitProject(tmp_path / "project")
    made.root.mkdir()
    made.git("init", "-q")
    made.commit(train="one\n", helper="".join(f"{n}\n" for n in range(20)))
    monkeypatch.chdir(made.root)
    return made


@pytest.fixture
def home(flor_home: Path) -> Home:
    return Home(flor_home)


@pytest.fixture
def flor() -> Flor:
    """The command line in this process."""
    return lambda *words: CliRunner().invoke(app, words)


@pytest.fixture
def three(project: GitProject, home: Home) -> GitProject:
    """Three runs: of what is committed, of a changed line, of a renamed file beside it."""
    record(home, project, "aaaaaa", ordinal=1)
    project.write("train.py", "one\ntwo\n")
    record(home, project, "bbbbbb", ordinal=2)
    (project.root / "helper.py").rename(project.root / "lib.py")
    record(home, project, "cccccc", ordinal=3)
    return project


def answer(flor: Flor, *words: str) -> Any:
    done = flor("shadow", *words, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def refusal(flor: Flor, *words: str, status: int) -> str:
    """The one line of error; where there is a hint, it is a command."""
    done = flor("shadow", *words)
    lines = [line for line in done.stderr.splitlines() if not line.startswith("warning:")]
    assert done.exit_code == status, done.output
    assert lines[0].startswith("error: ")
    assert all(line.startswith("hint: ") for line in lines[1:])
    assert len(lines) <= 2
    return "\n".join(lines)


# ------------------------------------------------------------------ list


def test_versions_stand_newest_first_with_what_changed_in_between(flor, three):
    found = answer(flor, "list")

    assert [one["run"][-6:] for one in found] == ["cccccc", "bbbbbb", "aaaaaa"]
    assert [one["dirty"] for one in found] == [3, 1, 0]
    assert found[0]["commit"] == three.git("rev-parse", "flor.shadow")
    assert found[0]["base"] == three.git("rev-parse", "HEAD")
    assert [one["previous"] and one["previous"][-6:] for one in found] == ["bbbbbb", "aaaaaa", None]
    assert found[1]["changed"] == [{"change": "modified", "path": "train.py"}]
    assert {one["path"] for one in found[0]["changed"]} == {"helper.py", "lib.py"}
    assert found[2]["changed"] is None


def test_the_list_as_a_table_and_in_plain_lines(flor, three):
    table, plain = flor("shadow", "list").stdout, flor("shadow", "list", "--plain").stdout

    short = three.git("rev-parse", "--short=7", "flor.shadow")
    assert table.splitlines()[1].split()[:3] == [short, "linear@3", "cccccc"]
    assert "D helper.py, A lib.py" in table.splitlines()[1]
    assert "M train.py" in table.splitlines()[2]
    assert table.splitlines()[3].endswith("the first")
    assert plain.splitlines()[0].split("\t")[0] == three.git("rev-parse", "flor.shadow")


@pytest.mark.parametrize("columns", ["80", "200"])
def test_on_a_terminal_no_line_is_longer_than_it(flor, three, monkeypatch, columns):
    monkeypatch.setattr("florctl.cli.views.render.on_terminal", lambda: True)
    monkeypatch.setenv("COLUMNS", columns)

    shown = re.sub(r"\x1b\[\d*m", "", flor("shadow", "list").stdout).splitlines()

    assert max(map(len, shown)) <= int(columns)
    assert len(shown) == 4


def test_names_limits_and_what_a_terminal_leaves_out(flor, three, home, monkeypatch):
    record(home, three, "dddddd", ordinal=1, name="cnn")
    monkeypatch.setattr("florctl.cli.views.render.on_terminal", lambda: True)
    monkeypatch.setattr(shadow, "TERMINAL_VERSIONS", 2)

    assert [one["run"][-6:] for one in answer(flor, "list", "--name", "cnn")] == ["dddddd"]
    assert len(answer(flor, "list", "--limit", "3")) == 3
    short = flor("shadow", "list")
    assert len(short.stdout.splitlines()) == 3
    assert short.stderr.splitlines()[-1] == "hint: flor shadow list --all"
    assert len(flor("shadow", "list", "--all").stdout.splitlines()) == 5


def test_without_versions_the_next_step_is_told(flor, project, home):
    home.run("aaaaaa", project=str(project.root), version=None)

    done = flor("shadow", "list")
    missing = refusal(flor, "show", "@", status=5)

    assert (done.exit_code, done.stdout) == (0, "")
    assert done.stderr.splitlines()[-1] == "hint: flor record train.py"
    assert answer(flor, "list") == []
    assert missing.startswith("error: linear@1 has no version: its code was not saved\n")


def test_versions_whose_runs_are_gone_are_still_there(flor, three, home):
    shutil.rmtree(home.path)

    found = answer(flor, "list")

    assert [(one["name"], one["ordinal"]) for one in found] == [
        ("linear", 3),
        ("linear", 2),
        ("linear", 1),
    ]
    assert answer(flor, "show", "flor.shadow~1")["ordinal"] == 2


def test_of_a_version_that_git_has_cleared_away_the_rest_is_told(flor, three):
    three.git("branch", "-q", "-D", "flor.shadow")
    three.git("reflog", "expire", "--expire=now", "--all")
    three.git("gc", "-q", "--prune=now")

    assert [one["changed"] for one in answer(flor, "list")] == [None, None, None]
    assert "not in git any more" in flor("shadow", "list").stdout
    assert "has no object" in refusal(flor, "show", "@", status=5)
    assert "has no object" in refusal(flor, "diff", "@~1", "@", status=5)


# ------------------------------------------------------------------ show


def test_a_version_with_its_files_and_what_it_lacks(flor, three, home):
    three.write("data.bin", bytes(11_000_000))
    record(home, three, "dddddd", ordinal=4)

    found = answer(flor, "show", "linear@4")

    assert {
        one["path"]: (one["change"], one["added"], one["deleted"]) for one in found["files"]
    } == {
        "lib.py": ("renamed", 0, 0),
        "train.py": ("modified", 1, 0),
    }
    assert found["skipped"] == [{"path": "data.bin", "reason": "untracked and over 10 MB"}]
    assert found["work_commit"] == three.git("rev-parse", "flor.shadow^2")
    assert "helper.py -> lib.py" in flor("shadow", "show", "@").stdout


@pytest.mark.parametrize(
    "selector",
    ["@", "linear", "linear@3", "cccccc", "flor.shadow", "{S}", "{s}", "{R}", "flor.shadow~0"],
)
def test_a_version_is_named_by_its_run_or_by_git(flor, three, selector):
    names = {
        "S": three.git("rev-parse", "flor.shadow"),
        "R": three.git("rev-parse", "flor.shadow^2"),
    }

    found = answer(flor, "show", selector.format(**names, s=names["S"][:8]))

    assert found["run"].endswith("cccccc")


def test_a_commit_of_the_users_is_shown_without_a_run(flor, three):
    found = answer(flor, "show", "HEAD")

    assert (found["commit"], found["run"]) == (three.git("rev-parse", "HEAD"), None)
    assert {one["change"] for one in found["files"]} == {"added"}


def test_what_names_nothing_or_several_things_is_said(flor, three):
    nothing = refusal(flor, "show", "nothing", status=3)
    first, second = two_alike(three)

    several = refusal(flor, "show", first[:4], status=3)

    assert nothing.endswith("answers to 'nothing'\nhint: flor shadow list")
    assert first[:12] in several
    assert second[:12] in several


def two_alike(project: GitProject) -> tuple[str, str]:
    """Two commits whose ids share their first four digits."""
    made: dict[str, Commit] = {}
    commit = Commit()
    commit.tree = project.git("rev-parse", "HEAD^{tree}").encode()
    commit.author = commit.committer = b"A <a@example.org>"
    commit.author_timezone = commit.commit_timezone = 0
    commit.message = b"alike"
    while True:
        commit.commit_time = commit.author_time = len(made)
        other = made.setdefault(commit.id[:4].decode(), commit.copy())
        if other.id != commit.id:
            break
    with Repo(str(project.root)) as repo:
        repo.object_store.add_objects([(commit, None), (other, None)])
    return commit.id.decode(), other.id.decode()


# ------------------------------------------------------------------ diff


def test_the_difference_is_a_patch(flor, three):
    done = flor("shadow", "diff", "linear@1", "linear@2")

    assert done.stdout == (
        "diff --git a/train.py b/train.py\n"
        f"index {three.git('rev-parse', 'HEAD:train.py')[:7]}"
        f"..{three.git('hash-object', 'train.py')[:7]} 100644\n"
        "--- a/train.py\n+++ b/train.py\n@@ -1 +1,2 @@\n one\n+two\n"
    )


def test_one_version_is_held_against_the_working_tree(flor, three):
    three.write("train.py", "one\nthree\n")
    three.write("sub/new.py", "new\n")

    found = answer(flor, "diff", "@")

    assert [(one["change"], one["path"]) for one in found["files"]] == [
        ("added", "sub/new.py"),
        ("modified", "train.py"),
    ]
    assert found["b"] == {"version": None, "run": None, "label": "working tree"}
    assert found["files"][1]["patch"].endswith(" one\n-two\n+three\n")


def test_some_files_alone_also_from_a_folder_below(flor, three, monkeypatch):
    three.write("sub/new.py", "new\n")
    monkeypatch.chdir(three.root / "sub")

    below = answer(flor, "diff", "@", ".")
    above = answer(flor, "diff", "linear@1", "../lib.py")
    both = answer(flor, "diff", "linear@1", "linear@3", "../train.py")
    gone = answer(flor, "diff", "linear@1", "../helper.py")

    assert [one["path"] for one in below["files"]] == ["sub/new.py"]
    assert [one["path"] for one in above["files"]] == ["lib.py"]
    assert [one["path"] for one in both["files"]] == ["train.py"]
    assert [one["old_path"] for one in gone["files"]] == ["helper.py"]
    assert "is outside of" in refusal(flor, "diff", "@", "../../elsewhere.py", status=2)
    assert "answers to 'nothing.py'" in refusal(flor, "diff", "@", "nothing.py", status=3)


def test_files_and_lines_alone(flor, three):
    stat = flor("shadow", "diff", "@~2", "@", "--stat").stdout
    names = flor("shadow", "diff", "@~2", "@", "--name-only").stdout

    assert [line.split() for line in stat.splitlines()] == [
        ["changed", "file", "+", "-"],
        ["renamed", "helper.py", "->", "lib.py", "0", "0"],
        ["modified", "train.py", "1", "0"],
    ]
    assert names == "lib.py\ntrain.py\n"
    assert "exclude each other" in refusal(flor, "diff", "@", "--stat", "--name-only", status=2)


def test_the_same_code_is_said_to_be(flor, three):
    done = flor("shadow", "diff", "@")

    assert (done.exit_code, done.stdout) == (0, "")
    assert done.stderr == "flor: linear@3 and working tree hold the same code\n"
    assert answer(flor, "diff", "@")["files"] == []


def test_colour_is_for_terminals_and_codes_of_the_text_are_not(flor, three, monkeypatch):
    three.write("train.py", "one\n\x1b[31mtwo\n")
    plain = flor("shadow", "diff", "@").stdout
    monkeypatch.setattr(shadow_views, "on_terminal", lambda: True)
    coloured = CliRunner().invoke(app, ["shadow", "diff", "@"], color=True).stdout
    monkeypatch.setenv("NO_COLOR", "1")
    bare = CliRunner().invoke(app, ["shadow", "diff", "@"], color=True).stdout

    assert "+\x1b[31mtwo\n" in plain
    assert "\x1b[32m+\\x1b[31mtwo\x1b[0m\n" in coloured
    assert "+\\x1b[31mtwo\n" in bare
    assert "\x1b" not in bare


# ------------------------------------------------------------------ merge


def test_the_work_of_any_version_is_merged_and_no_other_comes_along(flor, three):
    three.git("stash", "-q", "--include-untracked")
    three.commit(other="3")

    third, second = flor("shadow", "merge", "linear@3"), flor("shadow", "merge", "linear@2")

    assert (third.exit_code, second.exit_code) == (0, 0), third.output + second.output
    assert three.files("HEAD") == ["lib.py", "other.py", "train.py"]
    assert (three.root / "train.py").read_text() == "one\ntwo\n"
    merged = three.git("log", "--format=%s", "HEAD")
    assert "Merge the code of linear@3" in merged
    assert "flor: linear #1" not in merged
    assert second.stderr.splitlines()[-1].endswith("is in your branch")
    assert three.git("status", "--porcelain") == ""


def test_uncommitted_changes_in_the_way_are_named_and_the_hint_works(flor, three, tmp_path):
    before = three.untouchables()

    said = refusal(flor, "merge", "linear@2", status=1)

    assert said.startswith("error: uncommitted changes of train.py are in the way of linear@2\n")
    assert three.untouchables() == before
    hint = said.partition("hint: ")[2]
    assert hint == "git stash --include-untracked && flor shadow merge linear@2"
    subprocess.run(shlex.split(hint.partition(" && ")[0]), check=True, capture_output=True)
    assert flor("shadow", *shlex.split(hint.partition(" && ")[2])[2:]).exit_code == 0


def test_conflicts_are_left_as_git_leaves_them_and_stop_a_second_merge(flor, three):
    three.git("stash", "-q", "--include-untracked")
    three.commit(train="other\n")

    said = refusal(flor, "merge", "linear@2", status=1)
    again = refusal(flor, "merge", "linear@2", status=1)

    assert "left conflicts in train.py" in said
    assert "train.py still has conflicts" in again
    three.git(*shlex.split(said.partition("hint: git ")[2]))
    assert three.git("status", "--porcelain") == ""


def test_something_in_progress_stops_a_merge(flor, three):
    three.git("stash", "-q", "--include-untracked")
    three.git("checkout", "-q", "-b", "side")
    three.commit(side="1")
    three.git("checkout", "-q", "main")
    three.git("merge", "-q", "--no-ff", "--no-commit", "side")

    assert "a merge is in progress" in refusal(flor, "merge", "linear@2", status=1)


def test_what_is_no_version_or_saved_on_the_branch_is_not_merged(flor, three, home):
    own = refusal(flor, "merge", "HEAD", status=2)
    three.git("stash", "-q", "--include-untracked")
    three.git("checkout", "-q", "flor.shadow")
    three.write("train.py", "on the branch\n")
    record(home, three, "dddddd", ordinal=4)
    there = refusal(flor, "merge", "linear@2", status=2)
    three.git("checkout", "-q", "main")
    advanced = refusal(flor, "merge", "linear@4", status=2)

    assert own.endswith("hint: git merge HEAD")
    assert "you are on flor.shadow" in there
    assert "would bring all versions before it" in advanced
    assert three.git("rev-parse", "main") == three.git("rev-parse", "flor.shadow~4")


def test_the_users_hooks_run_and_may_stop_a_merge(flor, three):
    three.git("stash", "-q", "--include-untracked")
    three.commit(other="3")
    hook = three.write(".git/hooks/pre-merge-commit", "#!/bin/sh\necho not today >&2\nexit 1\n")
    hook.chmod(0o755)

    assert "not today" in refusal(flor, "merge", "linear@2", status=1)


# ------------------------------------------------------------------ export


def test_a_version_is_laid_out(flor, three, tmp_path):
    done = flor("shadow", "export", "linear@1", str(tmp_path / "out"))

    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["helper.py", "train.py"]
    assert (tmp_path / "out/train.py").read_text() == "one\n"
    assert done.stderr == f"flor: wrote 2 files of linear@1 to {tmp_path / 'out'}\n"
    assert "is not empty" in refusal(flor, "export", "@", str(tmp_path / "out"), status=2)


def test_versions_of_a_project_without_a_repository(flor, home, tmp_path, monkeypatch):
    loose = GitProject(tmp_path / "loose")
    loose.write("train.py", "one\n")
    monkeypatch.chdir(loose.root)
    record(home, loose, "aaaaaa", ordinal=1, private=True)
    loose.write("train.py", "two\n")
    record(home, loose, "bbbbbb", ordinal=2, private=True)
    loose.write("train.py", "three\n")

    listed = answer(flor, "list")
    patch = flor("shadow", "diff", "@~1", "@").stdout
    now = answer(flor, "diff", "@")
    done = flor("shadow", "export", "linear@1", "before")
    said = refusal(flor, "merge", "@", status=2)

    assert [one["ordinal"] for one in listed] == [2, 1]
    assert patch.endswith("-one\n+two\n")
    assert now["files"][0]["patch"].endswith("-two\n+three\n")
    assert (done.exit_code, Path("before/train.py").read_text()) == (0, "one\n")
    assert "is not in a git repository" in said
