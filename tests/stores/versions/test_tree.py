"""The tree of a version is the one that `git add -A` would write, and nothing else changes."""

from __future__ import annotations

import os
import socket
import time

import pytest


def changed(project):
    project.commit(a="1", b="2", gone="3")
    project.write("a.py", "changed")
    project.write("new/file.py")
    (project.root / "gone.py").unlink()


def no_commit_yet(project):
    project.write("a.py")


def nothing_at_all(project):
    pass


def detached(project):
    first = project.commit(a="1")
    project.commit(a="2")
    project.git("checkout", "-q", "--detach", first)
    project.write("new.py")


def ignore_patterns(project):
    project.write(
        ".gitignore",
        "*.log\n!keep.log\nbuild/\n/only_root\n*.tmp  \nfoo\\ \n# c\n\\#hash\n\\!bang\n/out/*\n"
        "!/out/keep\na/**/z\n**/deep/x\ndoc/*.txt\nspace name\n[abc].bin\nquest?.q\n*.[oa]\n"
        "x\\*y\nlib\n!lib/\n[\n[a-\n\\\n",
    )
    for path in (
        "a.log keep.log sub/a.log sub/keep.log build/x sub/build/y only_root sub/only_root t.tmp"
        " out/keep out/no out/d/keep a/z a/b/z a/b/c/z deep/x q/deep/x q/deep/y doc/a.txt"
        " doc/s/a.txt #hash !bang a.bin d.bin quest1.q quest12.q m.o m.a m.c x*y xay lib/f"
        " sub/lib ["
    ).split():
        project.write(path)
    project.write("foo ")
    project.write("foo")
    project.write("space name")


def nested_ignore_files(project):
    project.write(".gitignore", b"\xef\xbb\xbf*.dat\r\nsecret/\r\n")
    project.write("p/.gitignore", "!ok.dat\n/local\n*.py\n!/q/\n")
    project.write("p/q/.gitignore", "!yes.py\n")
    for path in (
        "x.dat p/ok.dat p/no.dat p/local p/q/local p/q/yes.py p/q/no.py p/z.py secret/a p/secret/b"
    ).split():
        project.write(path)


def nothing_comes_back_below_an_ignored_folder(project):
    project.write(".gitignore", "data/\n!data/keep\n/*.x\n")
    project.write("data/keep")
    project.write("a.x")
    project.write("in/a.x")


def only_what_is_listed_by_folder(project):
    project.write(".gitignore", "/*\n!/src\n/src/*\n!/src/a\n")
    for path in "src/a/x src/b/x top".split():
        project.write(path)


def only_what_is_listed_by_name(project):
    project.write(".gitignore", "*\n!*/\n!*.py\n")
    for path in "a/b/c.py a/b/c.txt x.py y".split():
        project.write(path)


def ignore_file_is_a_link(project):
    project.write("rules", "*.x\n")
    (project.root / ".gitignore").symlink_to("rules")
    project.write("a.x")


def ignore_case(project):
    project.git("config", "core.ignorecase", "true")
    project.write(".gitignore", "*.LOG\nBuild/\n")
    project.write("a.log")
    project.write("build/x")


def excludes_outside_of_the_tree(project):
    rules = project.root.parent / "rules"
    rules.write_text("*.glob\n*.both\n")
    link = project.root.parent / "linked-rules"
    link.symlink_to(rules)
    project.git("config", "core.excludesFile", str(link))
    project.write(".git/info/exclude", "*.sec\n!kept.both\n")
    project.write(".gitignore", "!b.sec\n")
    for path in "a.sec b.sec a.glob a.both kept.both".split():
        project.write(path)


def tracked_although_ignored(project):
    project.write(".gitignore", "*.csv\ndata/\n")
    project.write("a.csv")
    project.write("data/x/t.csv")
    project.git("add", "-f", ".gitignore", "a.csv", "data/x/t.csv")
    project.git("commit", "-qm", "work")
    project.write("a.csv", "2")
    project.write("data/x/t.csv", "3")
    project.write("data/x/new.csv")
    project.write("data/u.csv")


def added_although_ignored(project):
    tracked_although_ignored(project)
    project.save()
    project.git("add", "-f", "data/u.csv")
    project.write("data/u.csv", "4")


def untracked_and_ignored_again(project):
    tracked_although_ignored(project)
    project.save()
    project.git("rm", "-q", "--cached", "a.csv", "data/x/t.csv")


def rules_edited_between_runs(project):
    project.write(".gitignore", "*.x\n")
    for path in "a.x a.y in/b.x in/b.y".split():
        project.write(path)
    project.save()
    project.write(".gitignore", "*.y\n")


def links(project):
    project.write("a")
    project.write("folder/f")
    for name, target in {"l": "a", "none": "nowhere", "ld": "folder", "abs": "/etc/hosts"}.items():
        (project.root / name).symlink_to(target)


def executable_bits(project):
    project.write("run.sh").chmod(0o755)
    project.write("a")
    project.write("group").chmod(0o654)
    project.commit()
    (project.root / "a").chmod(0o755)
    (project.root / "run.sh").chmod(0o644)


def executable_bits_off(project):
    project.git("config", "core.filemode", "false")
    project.write("run.sh")
    project.write("b")
    project.git("add", "-A")
    project.git("update-index", "--chmod=+x", "run.sh")
    project.git("commit", "-qm", "work")
    (project.root / "b").chmod(0o755)
    project.write("run.sh", "2")
    project.write("new").chmod(0o755)


def names(project):
    for path in ("ünïcode/naïve 文件.py", "sp ace/\ttab\nnl", 'q"uote', "-dash"):
        project.write(path)
    with open(os.fsencode(project.root) + b"/bad\xff\xfe", "w"):
        pass


def order_of_names(project):
    for path in ("a/x", "a.b", "a-b", "a0", "ab/c"):
        project.write(path)


def things_that_git_has_no_mode_for(project):
    project.write("a")
    os.mkfifo(project.root / "fifo")
    (project.root / "empty/folders").mkdir(parents=True)
    here = os.getcwd()
    os.chdir(project.root)  # the path of a socket has at most 107 bytes
    with socket.socket(socket.AF_UNIX) as made:
        made.bind("socket")
    os.chdir(here)


def kinds_swapped(project):
    for path in ("f", "g/x", "h"):
        project.write(path)
    project.commit()
    (project.root / "f").unlink()
    project.write("f/inside")
    (project.root / "g/x").unlink()
    (project.root / "g").rmdir()
    project.write("g")
    (project.root / "h").unlink()
    (project.root / "h").symlink_to("g")


def empty_file(project):
    project.write("empty", "")
    project.commit()
    project.write("also-empty", "")


def deep(project):
    project.write("/".join(["d"] * 200) + "/f")


def submodule(project):
    other = type(project)(project.root.parent / "other")
    other.root.mkdir()
    other.git("init", "-q")
    other.commit(s="1")
    for name in ("clean", "moved", "absent"):
        project.git("submodule", "--quiet", "add", str(other.root), name)
    project.commit()
    moved = type(project)(project.root / "moved")
    moved.commit(s="2")
    project.git("submodule", "--quiet", "deinit", "-f", "absent")


def repository_inside(project):
    inside = type(project)(project.root / "inside")
    inside.root.mkdir()
    inside.git("init", "-q")
    inside.commit(f="1")
    (project.root / "fake/.git").mkdir(parents=True)
    project.write("fake/f")


def work_tree_inside(project):
    project.commit(a="1")
    project.git("worktree", "add", "-q", "inside", "-b", "side")
    project.write("inside/b.py")


def work_tree_beside(project):
    project.commit(a="1")
    project.git("worktree", "add", "-q", "../beside", "-b", "side")
    project.root = project.root.parent / "beside"
    project.write("b.py")


def intent_to_add(project):
    project.commit(a="1")
    project.write("new.py")
    project.git("add", "-N", "new.py")


def index_version_4(project):
    project.commit(a="1", b="2")
    project.git("update-index", "--index-version", "4")
    project.write("c.py")


def split_index(project):
    project.write(".gitignore", "*.q\n")
    project.write("t.q")
    project.git("add", "-f", "t.q")
    project.commit(a="1")
    project.git("update-index", "--split-index")
    project.write("z.py")
    project.git("add", "z.py")


def sparse_checkout(project):
    for path in ("a/x", "b/y", "c/d/z", "top"):
        project.write(path)
    project.commit()
    project.git("sparse-checkout", "set", "--sparse-index", "a")
    project.write("a/new")


def sparse_checkout_without_sparse_index(project):
    for path in ("a/x", "b/y", "c/d/z", "top"):
        project.write(path)
    project.commit()
    project.git("sparse-checkout", "set", "--no-sparse-index", "a")
    project.write("a/new")


def conflict(project):
    project.commit(f="1")
    project.git("checkout", "-qb", "other")
    project.commit(f="2")
    project.git("checkout", "-q", "main")
    project.commit(f="3")
    with pytest.raises(Exception, match="merge"):
        project.git("merge", "other")


def same_size_in_the_same_tick(project):
    project.commit(a="1")
    project.write("a.py", "2")


def forged_times(project):
    file = project.write("a.py", "1")
    project.commit()
    times = file.stat().st_atime_ns, file.stat().st_mtime_ns
    time.sleep(0.05)
    file.write_text("2")
    os.utime(file, ns=times)


def line_ends(project):
    project.write(".gitattributes", "*.txt text\n*.auto text=auto\n*.crlf text eol=crlf\n")
    for path in ("a.txt", "b.dat", "c.auto", "d.crlf"):
        project.write(path, "a\r\nb\r\n")


def line_ends_staged_as_they_were(project):
    project.write("kept.auto", "a\r\nb\r\n")
    project.commit()
    project.write(".gitattributes", "*.auto text=auto\n")
    project.write("kept.auto", "a\r\nb\r\nc\r\n")
    project.write("new.auto", "a\r\n")


def automatic_line_ends(project):
    project.git("config", "core.autocrlf", "true")
    project.write("a.txt", "a\r\nb\r\n")
    project.write("b.bin", b"\0\r\n")
    project.write("mixed", "a\r\nb\n")


def line_ends_on_the_way_in_alone(project):
    project.git("config", "core.autocrlf", "input")
    project.write("a.txt", "a\r\nb\r\n")
    project.write("b.bin", b"\0\r\n")


def attributes_in_a_folder_alone(project):
    project.write("sub/.gitattributes", "*.txt text\n")
    project.write("sub/a.txt", "a\r\n")
    project.write("b.txt", "a\r\n")


def attributes_of_the_user(project):
    rules = project.root.parent / "attributes"
    rules.write_text("*.up filter=up\n*.txt text\n")
    project.git("config", "core.attributesFile", str(rules))
    project.git("config", "filter.up.clean", "tr a-z A-Z")
    project.write("a.up", "hello\n")
    project.write("b.txt", "a\r\n")


def filter_for_notebooks(project):
    project.git("config", "filter.strip.clean", "sed s/out//")
    project.write(".gitattributes", "*.ipynb filter=strip\n")
    project.write("a.ipynb", "in out\n")


def filter_driver(project):
    project.git("config", "filter.up.clean", "tr a-z A-Z")
    project.write(".git/info/attributes", "*.up filter=up\n")
    project.write("a.up", "hello\n")
    project.write('odd "name"\n.up', "hello\n")


def attributes_only_git_knows(project):
    project.write("sub/.gitattributes", "*.id ident\n*.u16 working-tree-encoding=UTF-16LE\n")
    project.write("sub/a.id", "$Id: abc$\n")
    project.write("sub/a.u16", "hi\n".encode("utf-16-le"))


ROWS = [
    changed,
    no_commit_yet,
    nothing_at_all,
    detached,
    ignore_patterns,
    nested_ignore_files,
    nothing_comes_back_below_an_ignored_folder,
    only_what_is_listed_by_folder,
    only_what_is_listed_by_name,
    ignore_file_is_a_link,
    ignore_case,
    excludes_outside_of_the_tree,
    tracked_although_ignored,
    added_although_ignored,
    untracked_and_ignored_again,
    rules_edited_between_runs,
    links,
    executable_bits,
    executable_bits_off,
    names,
    order_of_names,
    things_that_git_has_no_mode_for,
    kinds_swapped,
    empty_file,
    deep,
    submodule,
    repository_inside,
    work_tree_inside,
    work_tree_beside,
    intent_to_add,
    index_version_4,
    split_index,
    sparse_checkout,
    sparse_checkout_without_sparse_index,
    conflict,
    same_size_in_the_same_tick,
    forged_times,
    line_ends,
    line_ends_staged_as_they_were,
    automatic_line_ends,
    line_ends_on_the_way_in_alone,
    attributes_in_a_folder_alone,
    attributes_of_the_user,
    filter_for_notebooks,
    filter_driver,
    attributes_only_git_knows,
]


@pytest.mark.parametrize("arrange", ROWS, ids=lambda row: row.__name__)
def test_the_tree_is_gits_and_nothing_else_changes(project, arrange):
    arrange(project)
    before, expected = project.untouchables(), project.git_tree()

    version = project.save()

    assert version.tree == expected
    assert project.untouchables() == before
    assert project.git("rev-parse", f"{version.commit}^{{tree}}") == expected
    assert project.git("fsck", "--full", "--strict", "--no-dangling") == ""


@pytest.mark.parametrize("arrange", [changed, ignore_patterns, submodule, line_ends])
def test_without_the_git_binary_the_tree_is_the_same(project, arrange, tmp_path, monkeypatch):
    arrange(project)
    expected = project.git_tree()
    with monkeypatch.context() as patch:
        patch.setenv("PATH", str(tmp_path / "nothing"))

        version = project.save()

    assert version.tree == expected
