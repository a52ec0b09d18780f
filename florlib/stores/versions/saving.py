"""Saving a version: from a working tree to a commit that stands for a run."""

from __future__ import annotations

import os
import zlib
from datetime import datetime
from functools import partial
from pathlib import Path

from dulwich.errors import ChecksumMismatch, FileFormatException, NotGitRepository
from dulwich.objects import ObjectID
from dulwich.refs import Ref
from dulwich.repo import Repo, UnsupportedExtension, UnsupportedVersion

from florlib.ground.errors import VersionNotSaved
from florlib.stores.collecting import uncollected
from florlib.stores.versions.commits import CommitWriter, Facts, Occasion, tree_of, work_commit
from florlib.stores.versions.contents import Contents, save_contents
from florlib.stores.versions.nested import Inside, nested_head
from florlib.stores.versions.objects import ObjectWriter
from florlib.stores.versions.onbranch import advance, stands_on_shadow
from florlib.stores.versions.private import open_private
from florlib.stores.versions.project import find_project, in_git_directory, refuse_broad
from florlib.stores.versions.refs import DETACHED, RUNS, SHADOW, extend, read_ref
from florlib.stores.versions.tracked import NOTHING_TRACKED, tracked_by
from florlib.stores.versions.version import Skip, Version

_BRANCH = b"ref: refs/heads/"

# What a damaged repository makes dulwich raise; an object that is not there, as in a
# partial clone, is a KeyError.
_REPOSITORY_ERRORS = (
    ChecksumMismatch,
    FileFormatException,
    KeyError,
    NotGitRepository,
    zlib.error,
)


def snapshot(
    project: Path,
    *,
    run: str,
    name: str,
    ordinal: int,
    command: str,
    now: datetime,
    private_store: Path | None = None,
) -> Version:
    """Save the working tree of a project as the version of a run.

    HEAD, the index and the working tree are not touched, and no hook runs; only a user who is on
    the shadow branch sees HEAD's branch advance, with a clean index.

    Args:
        project: any folder of the project; the whole work tree around it is saved.
        run: the run's id, unique.
        name: the name that runs of one experiment share.
        ordinal: the run's number among those.
        command: as typed.
        now: when the run starts.
        private_store: a bare repository, created where needed, for a project that is in none.

    Raises:
        VersionNotSaved: nothing could be saved; a run goes on without a version.
    """
    occasion = Occasion(run, name, ordinal, command, now)
    root = find_project(project)
    folder = root or project.resolve()
    refuse_broad(folder)
    try:
        with uncollected():
            if root is not None:
                with Repo(str(root)) as repo:
                    return _save_in_repository(repo, root, occasion)
            with _private_store_of(folder, private_store) as repo:
                return _save_privately(repo, folder, occasion)
    except OSError as error:
        raise VersionNotSaved(
            f"the code of this run was not saved: {error.strerror or error}: {error.filename}",
            hint=f"see that {folder} and its git folder can be read and written",
        ) from error
    except (UnsupportedExtension, UnsupportedVersion) as error:
        raise VersionNotSaved(
            f"the code of this run was not saved: the git repository of {folder} has a format that"
            f" flor does not know ({error})",
            hint="git config --get-regexp ^extensions",
        ) from error
    except _REPOSITORY_ERRORS as error:
        raise VersionNotSaved(
            f"the code of this run was not saved: the git repository of {folder} cannot be read"
            f" ({type(error).__name__}: {error})",
            hint="git fsck",
        ) from error


def _private_store_of(folder: Path, private_store: Path | None) -> Repo:
    if in_git_directory(folder):
        raise VersionNotSaved(
            f"{folder} is inside of a bare git repository, so there is no code to save",
            hint="git worktree add ../work",
        )
    if private_store is None:
        raise VersionNotSaved(
            f"{folder} is in no git repository, so the code of this run was not saved",
            hint="git init",
        )
    return open_private(private_store)


def _save_in_repository(repo: Repo, root: Path, occasion: Occasion) -> Version:
    writer, tracked = ObjectWriter(repo), tracked_by(repo, root)
    inside = partial(_save_inside, occasion=occasion, around=repo)
    contents = save_contents(repo, writer, root, tracked, frozenset(), inside)
    return _add_version(repo, root, writer, contents, occasion)


def _save_inside(folder: bytes, occasion: Occasion, around: Repo) -> Inside:
    """The commit of a nested repository, or what was changed in it since as a version of its own.

    That lies in the nested repository, on a shadow branch of its own.
    """
    head = nested_head(folder)
    if head is None:
        return Inside(None)
    root = Path(os.fsdecode(folder))
    try:
        with Repo(str(root)) as repo:
            if os.path.samefile(repo.commondir(), around.commondir()):
                return Inside(head)  # a linked work tree, whose shadow branch is that of `around`
            writer, tracked = ObjectWriter(repo), tracked_by(repo, root)
            inside = partial(_save_inside, occasion=occasion, around=repo)
            contents = save_contents(repo, writer, root, tracked, frozenset(), inside)
            if contents.tree == tree_of(repo, head):
                return Inside(head, contents.skipped)
            version = _add_version(repo, root, writer, contents, occasion)
    except (OSError, UnsupportedExtension, UnsupportedVersion, *_REPOSITORY_ERRORS) as error:
        reason = f"what was changed in it was not saved ({type(error).__name__}: {error})"
        return Inside(head, (Skip("", reason, 0),))
    except VersionNotSaved as error:
        return Inside(head, (Skip("", f"what was changed in it was not saved ({error})", 0),))
    return Inside(ObjectID(version.work_commit.encode("ascii")), contents.skipped)


def _add_version(
    repo: Repo, root: Path, writer: ObjectWriter, contents: Contents, occasion: Occasion
) -> Version:
    commits = CommitWriter(repo, writer, contents.tree, occasion)
    if stands_on_shadow(repo):
        return _save_under_user(repo, root, commits, contents, occasion)
    facts = _facts(repo, contents)
    return _save_beside_user(repo, commits, contents, facts, occasion, "repository")


def _save_privately(repo: Repo, folder: Path, occasion: Occasion) -> Version:
    writer = ObjectWriter(repo)
    own = frozenset({Path(repo.path).resolve()})
    contents = save_contents(
        repo,
        writer,
        folder,
        NOTHING_TRACKED,
        own,
        partial(_save_inside, occasion=occasion, around=repo),
    )
    commits = CommitWriter(repo, writer, contents.tree, occasion)
    facts = Facts(None, None, _changes(repo, None, contents.tree), contents.skipped)
    return _save_beside_user(repo, commits, contents, facts, occasion, "private")


def _save_beside_user(
    repo: Repo,
    commits: CommitWriter,
    contents: Contents,
    facts: Facts,
    occasion: Occasion,
    store: str,
) -> Version:
    """Add R and S, where the shadow branch is nothing that the user looks at."""
    tip = read_ref(repo, SHADOW)
    work = work_commit(repo, commits, facts.base, tip, commits.message(facts))

    def link(tip: ObjectID | None) -> ObjectID:
        previous = tip or facts.base
        parents = [previous] if previous is not None else []
        if work not in parents:
            parents.append(work)
        same = tip if tip is not None and tree_of(repo, tip) == contents.tree else None
        return commits.write(parents, commits.message(facts, same))

    commit = extend(repo, commits, Ref((RUNS + occasion.run).encode()), link)
    return _version(commit, work, contents, facts, store)


def _save_under_user(
    repo: Repo, root: Path, commits: CommitWriter, contents: Contents, occasion: Occasion
) -> Version:
    """Add S on top of HEAD, where HEAD is on the shadow branch; R is S itself."""
    facts = _facts(repo, contents)

    def link(tip: ObjectID | None) -> ObjectID:
        nonlocal facts
        facts = _facts(repo, contents)
        return commits.write([tip] if tip is not None else [], commits.message(facts))

    commit = advance(repo, root, commits, link)
    if commit is None:
        commit = link(facts.base)
        repo.refs[Ref((DETACHED + occasion.run).encode())] = commit
    clean = facts.base is not None and tree_of(repo, facts.base) == contents.tree
    work = facts.base if facts.base is not None and clean else commit
    return _version(commit, work, contents, facts, "repository")


def _facts(repo: Repo, contents: Contents) -> Facts:
    base = read_ref(repo, Ref(b"HEAD"))
    head = repo.refs.read_ref(Ref(b"HEAD")) or b""
    branch = head[len(_BRANCH) :].decode("utf-8", "replace") if head.startswith(_BRANCH) else None
    before = tree_of(repo, base) if base is not None else None
    return Facts(base, branch, _changes(repo, before, contents.tree), contents.skipped)


def _changes(repo: Repo, before: ObjectID | None, after: ObjectID) -> int:
    store = repo.object_store
    changes = (
        store.iter_tree_contents(after) if before is None else store.tree_changes(before, after)
    )
    return sum(1 for _ in changes)


def _version(
    commit: ObjectID, work: ObjectID, contents: Contents, facts: Facts, store: str
) -> Version:
    return Version(
        commit=commit.decode("ascii"),
        work_commit=work.decode("ascii"),
        tree=contents.tree.decode("ascii"),
        base=facts.base.decode("ascii") if facts.base is not None else None,
        branch=facts.branch,
        dirty=facts.dirty,
        store=store,
        skipped=contents.skipped,
    )
