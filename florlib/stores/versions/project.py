"""Which git work tree a folder belongs to, found without opening the repository."""

from __future__ import annotations

from pathlib import Path

from florlib.ground.errors import VersionNotSaved


def find_project(start: Path) -> Path | None:
    """Find the root of the work tree around a folder (or file).

    Returns:
        The absolute root, symbolic links resolved; None outside of any repository, inside of a
        bare one, and inside of a `.git` folder.
    """
    here = start.resolve()
    for folder in (here, *here.parents):
        if _is_git_directory(folder):
            return None
        if _marks_root(folder / ".git"):
            return folder
    return None


def in_git_directory(start: Path) -> bool:
    """Whether a folder lies in a bare repository or in a `.git` folder, beside any work tree."""
    here = start.resolve()
    for folder in (here, *here.parents):
        if _is_git_directory(folder):
            return True
        if _marks_root(folder / ".git"):
            return False
    return False


def refuse_broad(root: Path) -> None:
    """Refuse to save a home folder or the whole disk as if it were a project.

    Raises:
        VersionNotSaved: `root` is one of the two. People do keep their dotfiles in a repository at
            $HOME; everything that they own would become untracked files of a run.
    """
    if root in (Path.home().resolve(), Path(root.anchor)):
        raise VersionNotSaved(
            f"{root} is too broad to be a project, so the code of this run was not saved",
            hint="run `git init` in the folder that holds the script",
        )


def _marks_root(dot_git: Path) -> bool:
    """Whether `.git` is what git takes for one: a repository, or a file that names one."""
    if dot_git.is_dir():
        return _is_git_directory(dot_git)
    return dot_git.is_file() and dot_git.read_bytes().startswith(b"gitdir:")


def _is_git_directory(folder: Path) -> bool:
    """Git's own test (setup.c, is_git_directory), without looking into HEAD."""
    head = folder / "HEAD"
    has_head = head.is_file() or head.is_symlink()
    if not has_head:
        return False
    # The git directory of a linked work tree borrows objects and refs through its commondir file.
    own = (folder / "objects").is_dir() and (folder / "refs").is_dir()
    return own or (folder / "commondir").is_file()
