"""A version laid out is what a checkout would write, in its folder and nowhere else."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

import pytest
from dulwich.objects import Blob, Tree

from florlib.ground.errors import UsageError, VersionMissing
from florlib.stores.versions import export, exporting, open_archive


def laid_out(project, version, folder: Path):
    with open_archive([project.root]) as archive:
        return export(archive, version.tree, folder, project.root)


def files(folder: Path) -> dict[str, object]:
    """Content, or target, and mode of every file; folders by name."""
    found: dict[str, object] = {}
    for path in folder.rglob("*"):
        name = os.fsencode(path.relative_to(folder)).decode("utf-8", "backslashreplace")
        if path.is_symlink():
            found[name] = ("link", os.readlink(path))
        elif path.is_dir():
            found[name] = "folder"
        else:
            found[name] = (path.read_bytes(), stat.S_IMODE(path.stat().st_mode))
    return {name: what for name, what in found.items() if name.partition("/")[0] != ".git"}


def checked_out(project, commit: str) -> dict[str, object]:
    folder = project.root.parent / f"judge-{commit[:7]}"
    project.git("worktree", "add", "-q", "--detach", str(folder), commit)
    return files(folder)


def plain(project):
    project.write("a.py", "1\n")
    project.write("pkg/deep/b.py", "2\n")
    project.write("run.sh", "x").chmod(0o755)
    project.write("empty", "")
    project.write("ünï \t code")
    (project.root / "link").symlink_to("a.py")
    (project.root / "dangling").symlink_to("/nowhere/at/all")
    (project.root / "to-folder").symlink_to("pkg")
    with open(os.fsencode(project.root) + b"/bad\xff", "w"):
        pass


def line_ends(project):
    project.write(".gitattributes", "*.crlf text eol=crlf\n*.id ident\n")
    project.write("a.crlf", "a\r\nb\r\n")
    project.write("b.id", "$Id$\n")
    project.write("sub/c.crlf", "a\r\n")


def filter_driver(project):
    project.git("config", "filter.up.clean", "tr a-z A-Z")
    project.git("config", "filter.up.smudge", "tr A-Z a-z")
    project.write(".git/info/attributes", "*.up filter=up\n")
    project.write("a.up", "hello\n")


def sparse_with_filters(project):
    line_ends(project)
    project.write("outside/x", "x")
    project.commit()
    project.git("sparse-checkout", "set", "sub")


@pytest.mark.parametrize("arrange", [plain, line_ends, filter_driver], ids=lambda row: row.__name__)
def test_the_files_are_those_of_a_checkout(project, tmp_path, arrange):
    arrange(project)
    version = project.save()

    done = laid_out(project, version, tmp_path / "out")

    expected = checked_out(project, version.commit)
    assert files(tmp_path / "out") == expected
    assert done.files == sum(what != "folder" for what in expected.values())
    assert done.warnings == []
    assert not (tmp_path / "out/.git").exists()


def test_without_git_they_are_the_same(project, tmp_path, monkeypatch):
    plain(project)
    version = project.save()
    expected = checked_out(project, version.commit)
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))

    done = laid_out(project, version, tmp_path / "out")

    assert files(tmp_path / "out") == expected
    assert done.files == sum(what != "folder" for what in expected.values())
    assert done.warnings == []


def test_what_a_sparse_checkout_leaves_out_is_there(project, tmp_path):
    sparse_with_filters(project)

    laid_out(project, project.save(), tmp_path / "out")

    assert (tmp_path / "out/outside/x").read_text() == "x"
    assert (tmp_path / "out/a.crlf").read_bytes() == b"a\r\nb\r\n"


def test_without_git_filters_are_not_applied_and_that_is_said(project, tmp_path, monkeypatch):
    line_ends(project)
    version = project.save()
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))

    done = laid_out(project, version, tmp_path / "out")

    assert (tmp_path / "out/a.crlf").read_bytes() == b"a\nb\n"
    assert "were not applied" in done.warnings[0]


def test_an_empty_folder_is_filled_and_stays_the_same_folder(project, tmp_path, monkeypatch):
    plain(project)
    version = project.save()
    (tmp_path / "out").mkdir()
    monkeypatch.chdir(tmp_path / "out")

    laid_out(project, version, Path())

    assert files(Path.cwd()) == checked_out(project, version.commit)


def test_a_new_folder_has_the_mode_that_others_have(project, tmp_path):
    laid_out(project, project.save(), tmp_path / "some/where/out")
    (tmp_path / "plain").mkdir()

    assert (tmp_path / "some/where/out").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_what_is_there_is_left_alone(project, tmp_path):
    version = project.save()
    (tmp_path / "full").mkdir()
    (tmp_path / "full/mine").write_text("mine")
    (tmp_path / "dangling").symlink_to("nowhere")

    for folder, why in (
        ("full", "is not empty"),
        ("full/mine", "no folder"),
        ("dangling", "no folder"),
    ):
        with pytest.raises(UsageError, match=why):
            laid_out(project, version, tmp_path / folder)

    assert (tmp_path / "full/mine").read_text() == "mine"
    assert sorted(path.name for path in (tmp_path / "full").iterdir()) == ["mine"]


def test_interrupted_in_the_middle_nothing_is_left(project, tmp_path, monkeypatch):
    plain(project)
    version = project.save()
    (tmp_path / "empty").mkdir()
    write, written = exporting._write, []

    def interrupted(*words):
        written.append(write(*words))
        if len(written) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(exporting, "_write", interrupted)
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    for name in ("out", "empty"):
        written.clear()
        with pytest.raises(KeyboardInterrupt):
            laid_out(project, version, tmp_path / name)

    assert not (tmp_path / "out").exists()
    assert list((tmp_path / "empty").iterdir()) == []
    assert [path.name for path in tmp_path.glob(".flor-*")] == []


@pytest.mark.parametrize("name", [b"..", b".git", b".GIT", b"../out-of-it", b"a/../../b", b"."])
def test_names_that_lead_out_of_the_folder_are_refused(project, tmp_path, name):
    project.commit(a="1")
    with open_archive([project.root]) as archive:
        store = archive.repositories[0].object_store
        blob = Blob.from_string(b"evil")
        tree = Tree()
        tree.add(name, 0o100644, blob.id)
        store.add_objects([(blob, None), (tree, None)])

        with pytest.raises(VersionMissing, match="no proper path"):
            export(archive, tree.id.decode(), tmp_path / "in/out")

    assert list((tmp_path / "in").iterdir()) == []


@pytest.mark.parametrize("has_git", [True, False])
def test_nothing_is_written_through_a_link(project, tmp_path, monkeypatch, has_git):
    project.commit(a="1")
    (tmp_path / "victim").mkdir()
    with open_archive([project.root]) as archive:
        store = archive.repositories[0].object_store
        link, blob = Blob.from_string(str(tmp_path / "victim").encode()), Blob.from_string(b"evil")
        inside, outer = Tree(), Tree()
        inside.add(b"file", 0o100644, blob.id)
        outer.add(b"x", 0o120000, link.id)
        twice = outer.as_raw_string() + b"40000 x\0" + bytes.fromhex(inside.id.decode())
        evil = Tree.from_string(twice)
        store.add_objects([(one, None) for one in (link, blob, inside, evil)])

        if not has_git:
            monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
        with suppress(UsageError):  # one of both is there already
            export(archive, evil.id.decode(), tmp_path / "out")

    assert list((tmp_path / "victim").iterdir()) == []


def test_submodules_come_along_where_their_repository_is_there(project, tmp_path):
    other = type(project)(project.root.parent / "other")
    other.root.mkdir()
    other.git("init", "-q")
    other.commit(s="1")
    for name in ("here", "absent"):
        project.git("submodule", "--quiet", "add", str(other.root), name)
    project.commit()
    project.git("submodule", "--quiet", "deinit", "-f", "absent")

    done = laid_out(project, project.save(), tmp_path / "out")

    assert (tmp_path / "out/here/s.py").read_text() == "1"
    assert list((tmp_path / "out/absent").iterdir()) == []
    assert [text.partition(":")[0] for text in done.warnings] == ["absent is empty"]
