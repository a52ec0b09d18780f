"""Objects as they are written, and the index as it is read, by git's own account."""

from __future__ import annotations

import pytest
from dulwich.repo import Repo

from florlib.ground.errors import VersionNotSaved
from florlib.stores.versions import objects, packs
from florlib.stores.versions.tracked import tracked_by

FSCK = ("fsck", "--full", "--strict", "--no-dangling")


@pytest.fixture
def many(project):
    """A project of more files than are written one by one."""
    for number in range(300):
        project.write(f"pkg{number % 7}/f{number}.py", f"{number}\n" * number)
    project.write("empty.py", "")
    return project


def pack_files(project) -> list[str]:
    folder = project.git_folder / "objects/pack"
    return sorted(path.suffix or path.name for path in folder.iterdir())


def test_many_new_objects_are_one_pack(many):
    version = many.save()
    again = many.save()

    folder = many.git_folder / "objects"
    assert pack_files(many) == [".idx", ".pack"]
    assert {path.stat().st_mode & 0o777 for path in (folder / "pack").iterdir()} == {0o444}
    assert len(list(folder.glob("??/*"))) == 3  # commits: the work, and two links
    assert many.git(*FSCK) == ""
    assert version.tree == again.tree == many.git_tree()
    assert many.git("show", f"{version.commit}:pkg3/f199.py") == ("199\n" * 199).rstrip()


def test_what_does_not_fit_into_memory_is_written_on_the_way(many, monkeypatch):
    monkeypatch.setattr(objects, "BATCH_BYTES", 40_000)
    monkeypatch.setattr(objects, "PACK_OBJECTS", 10)

    version = many.save()

    assert len(pack_files(many)) > 4
    assert many.git(*FSCK) == ""
    assert version.tree == many.git_tree()


def test_few_new_objects_are_files_of_their_own(project):
    project.commit(a="1")
    project.write("b.py", "2")

    project.save()

    assert pack_files(project) == []


def test_where_packs_are_not_ours_to_write_objects_are_files(tmp_path, project, monkeypatch):
    monkeypatch.setattr(objects, "PACK_OBJECTS", 1)
    other = type(project)(tmp_path / "other")
    other.root.mkdir()
    other.git("init", "-q", "--object-format=sha256")
    other.write("a.py")

    other.save()

    assert pack_files(other) == []
    assert other.git(*FSCK) == ""


def test_a_disk_that_fills_up_leaves_no_half_pack(many, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(packs, "write_pack_index_v2", full)

    with pytest.raises(VersionNotSaved, match="No space left on device"):
        many.save()

    assert pack_files(many) == []
    assert many.git("for-each-ref") == ""


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
@pytest.mark.parametrize("version", [2, 3, 4])
def test_the_index_is_read_as_git_reads_it(tmp_path, project, algorithm, version):
    other = type(project)(tmp_path / "other")
    other.root.mkdir()
    other.git("init", "-q", f"--object-format={algorithm}")
    for path in ("a", "bb", "c/d/e", "c/d/ff", "c/g", "h/i", "ünï/\tx"):
        other.write(path, path)
    (other.root / "link").symlink_to("a")
    other.commit()
    other.write("new")
    other.write("c/g", "again")
    other.git("add", "c/g")
    other.git("update-index", "--index-version", str(version))
    if version == 3:
        other.git("add", "-N", "new")
        other.git("update-index", "--skip-worktree", "bb")

    with Repo(str(other.root)) as repo:
        tracked = tracked_by(repo, other.root)

    listed = [
        line.split("\t")
        for line in other.git("-c", "core.quotePath=off", "ls-files", "-sz").split("\0")
        if line
    ]
    expected = {"\t".join(path): about.split()[:2] for about, *path in listed}
    ours = {
        path.decode(): [f"{known.mode:06o}", known.sha.decode()]
        for path, known in tracked.paths.items()
    }
    assert ours == expected
    if version < 4:
        folders = other.git("ls-tree", "-drz", "HEAD").split("\0")
        parts = (line.partition("\t") for line in folders if line)
        trees = {path: about.split()[2] for about, _, path in parts}
        assert {
            path.decode(): sha.decode() for path, sha in tracked.trees.items()
        }.items() <= trees.items()
        assert b"c/d" in tracked.trees
        assert b"c" not in tracked.trees
        assert b"" not in tracked.trees


def test_trees_that_git_has_written_are_taken_over(many):
    many.commit()
    many.git("gc", "-q")
    many.write("pkg0/f0.py", "changed")
    with Repo(str(many.root)) as repo:
        trees = tracked_by(repo, many.root).trees

    version = many.save()

    assert len(trees) == 8
    assert version.tree == many.git_tree()
    assert len(list((many.git_folder / "objects").glob("??/*"))) == 5  # 1 file, 2 trees, 2 commits


def test_a_tree_that_is_not_there_is_written_anew(many):
    many.commit()
    tree = many.git("rev-parse", "HEAD:pkg1")
    (many.git_folder / "objects" / tree[:2] / tree[2:]).unlink()
    many.write("pkg0/f0.py", "changed")

    version = many.save()

    assert many.git("rev-parse", f"{version.commit}:pkg1") == tree
    assert many.git(*FSCK) == ""
