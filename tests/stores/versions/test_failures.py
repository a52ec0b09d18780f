"""What cannot be read or written: it is named, and the rest is saved as far as that goes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from florlib.ground.errors import VersionNotSaved


def test_what_cannot_be_read_keeps_its_staged_content(guarded, unprivileged):
    for path in ("tracked.py", "folder/x.py", "open.py"):
        guarded.write(path, "1")
    guarded.commit()
    guarded.write("open.py", "2")
    guarded.write("tracked.py", "22").chmod(0)
    guarded.write("new.py", "333").chmod(0)
    (guarded.root / "folder").chmod(0)

    with unprivileged(guarded.root):
        version = guarded.save()

    assert {skip.path: skip.reason for skip in version.skipped} == {
        "folder/": "not readable",
        "new.py": "not readable",
        "tracked.py": "not readable, so its staged content was saved",
    }
    saved = guarded.git("-c", "safe.directory=*", "diff", "--name-only", "HEAD", version.commit)
    assert saved == "open.py"


def test_with_filters_what_cannot_be_read_is_named_as_well(guarded, unprivileged):
    guarded.write(".gitattributes", "*.py text\n")
    guarded.write("open.py", "1\r\n")
    guarded.write("new.py", "1\r\n").chmod(0)

    with unprivileged(guarded.root):
        version = guarded.save()

    assert [skip.path for skip in version.skipped] == ["new.py"]
    assert guarded.git("-c", "safe.directory=*", "show", f"{version.commit}:open.py") == "1"


def test_a_read_only_repository_saves_nothing(guarded, unprivileged):
    guarded.commit(a="1")
    guarded.write("a.py", "2")
    for folder, _, _ in os.walk(guarded.root / ".git"):
        Path(folder).chmod(0o555)

    with unprivileged(guarded.root), pytest.raises(VersionNotSaved, match="Permission denied"):
        guarded.save()


def test_paths_beyond_the_systems_limit_are_named(project):
    project.write("a.py")
    here = os.getcwd()
    os.chdir(project.root)
    for _ in range(20):
        os.mkdir("d" * 250)
        os.chdir("d" * 250)
    Path("f").touch()
    os.chdir(here)

    version = project.save()

    assert project.files(version.tree) == ["a.py"]
    assert [skip.reason for skip in version.skipped] == ["not readable"]


def test_a_damaged_repository_saves_nothing(project):
    head = project.commit(a="1")
    commit = project.git_folder / "objects" / head[:2] / head[2:]
    commit.chmod(0o644)
    commit.write_bytes(b"no object")

    with pytest.raises(VersionNotSaved, match="cannot be read") as caught:
        project.save()

    assert caught.value.hint == "git fsck"


def test_an_unknown_repository_format_saves_nothing(project):
    project.commit(a="1")
    project.git("config", "core.repositoryFormatVersion", "1")
    project.git("config", "extensions.fromTheFuture", "true")

    with pytest.raises(VersionNotSaved, match="fromTheFuture") as caught:
        project.save()

    assert caught.value.hint == "git config --get-regexp ^extensions"
