"""Reading versions back by commit, path and revision."""

from __future__ import annotations

import pytest

from florlib.ground.errors import RevisionNotFound
from florlib.stores.versions import read_source, resolve


def test_a_source_is_read_as_it_was(project):
    project.write("src/train.py", "1")
    project.commit()
    project.write("src/train.py", "2")
    version = project.save()
    project.write("src/train.py", "3")

    assert read_source(project.root / "src", version.commit, "src/train.py") == b"2"
    assert read_source(project.root, version.base, "src/train.py") == b"1"


def test_what_is_no_file_of_a_commit_is_none(project):
    project.write("src/train.py")
    (project.root / "link.py").symlink_to("src/train.py")
    head = project.commit()
    blob = project.git("rev-parse", "HEAD:src/train.py")

    assert read_source(project.root, head, "src") is None
    assert read_source(project.root, head, "link.py") is None
    assert read_source(project.root, head, "src/train.py/x") is None
    assert read_source(project.root, head, "../train.py") is None
    assert read_source(project.root, "0" * 40, "src/train.py") is None
    assert read_source(project.root, blob, "src/train.py") is None
    assert read_source(project.root.parent, head, "src/train.py") is None


@pytest.fixture(params=["with git", "without git"])
def history(request, project, tmp_path, monkeypatch):
    """Two commits, a tag and a version; read with the git binary and without."""
    project.commit(a="1")
    project.git("tag", "-a", "v1", "-m", "first")
    project.commit(a="2")
    project.write("a.py", "3")
    version = project.save()
    expected = {
        spec: project.git("rev-parse", f"{spec}^{{commit}}")
        for spec in ("HEAD", "main", "HEAD~1", "v1", "flor.shadow", "flor.shadow^2")
    }
    expected |= {version.commit[:8]: version.commit, version.commit: version.commit}
    if request.param == "without git":
        monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    return project, expected


def test_revisions_are_those_of_git(history):
    project, expected = history

    assert {spec: resolve(project.root, spec) for spec in expected} == expected


@pytest.mark.parametrize("spec", ["nowhere", "HEAD~9", "0" * 40, "HEAD:a.py", "--all", ""])
def test_what_names_no_commit_is_said(history, spec):
    project, _ = history

    with pytest.raises(RevisionNotFound) as caught:
        resolve(project.root, spec)

    assert caught.value.exit_status == 3


def test_the_private_store_is_looked_into_last(project, tmp_path):
    loose = type(project)(tmp_path / "loose")
    loose.root.mkdir()
    loose.write("a.py", "1")
    store = tmp_path / "repo.git"
    version = loose.save(private_store=store)
    loose.git("init", "-q")
    head = loose.commit(a="2")

    assert resolve(loose.root, "HEAD", private_store=store) == head
    assert resolve(loose.root, version.commit[:9], private_store=store) == version.commit
    assert read_source(loose.root, version.commit, "a.py", private_store=store) == b"1"
