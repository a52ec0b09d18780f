"""The chain of the shadow branch, read back: which versions there are, and what each says of itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from dulwich.objects import Commit, ObjectID

from florlib.stores.versions.archive import Archive
from florlib.stores.versions.refs import KEEP, SHADOW

_SPARE = b"refs/flor/"
_BRANCH = SHADOW.rpartition(b"/")[2].decode()
_SUBJECT = re.compile(r"flor: (?P<name>.*) #(?P<ordinal>\d+)  \((?P<command>.*)\)")
_TRAILER = re.compile(r"Flor-(\w+): (.*)")
_BASE = re.compile(r"(?:(?P<branch>.*) )?(?:(?P<commit>[0-9a-f]{12})|no commit yet)")
_SKIP = re.compile(r"(?P<path>.*?) \((?:\d+ MB, )?(?P<reason>.*)\)")


@dataclass(frozen=True, slots=True)
class Link:
    """A version as its commit tells it.

    Attributes:
        commit: on the shadow branch.
        work_commit: the work on top of the user's commit; None where the version was saved by
            advancing the branch that the user stood on, so that there is none but `commit`.
        tree: of both.
        base: the user's commit; None before the first one.
        branch: that the user was on.
        dirty: files that differed from `base`.
        run: id of the run.
        name: of the run.
        ordinal: of the run.
        command: as typed, cut off where it is long.
        saved: when.
        author: name and address.
        skipped: (path, reason) of what was left out; of many, the first.
    """

    commit: str
    work_commit: str | None
    tree: str
    base: str | None
    branch: str | None
    dirty: int
    run: str
    name: str
    ordinal: int
    command: str
    saved: datetime
    author: str
    skipped: tuple[tuple[str, str], ...]


def read_link(archive: Archive, commit: str) -> Link | None:
    """What a commit tells of its run; None where it is no version, or is not there.

    The commit of the work alone is none: it says the same, and users merge and amend it.
    """
    link = _read(archive, commit)
    if link is None or link.branch == _BRANCH or link.work_commit is not None:
        return link
    return None


def _read(archive: Archive, commit: str) -> Link | None:
    try:
        found = archive.commit(commit)
    except KeyError:
        return None
    subject, _, body = found.message.decode("utf-8", "replace").partition("\n")
    said = _SUBJECT.fullmatch(subject)
    trailers = _TRAILER.findall(body)
    of_key = dict(trailers)
    if said is None or "Run" not in of_key:
        return None
    base = _BASE.fullmatch(of_key.get("Base", ""))
    skips = [_SKIP.fullmatch(text) for key, text in trailers if key == "Skipped"]
    return Link(
        commit=commit,
        work_commit=_work(archive, found),
        tree=found.tree.decode("ascii"),
        base=_base(archive, found, base["commit"] or "") if base else None,
        branch=base["branch"] if base else None,
        dirty=int(of_key.get("Dirty", "0").partition(" ")[0]),
        run=of_key["Run"],
        name=said["name"],
        ordinal=int(said["ordinal"]),
        command=said["command"],
        saved=saved_at(found),
        author=found.author.decode("utf-8", "replace"),
        skipped=tuple((skip["path"], skip["reason"]) for skip in skips if skip),
    )


def saved_at(commit: Commit) -> datetime:
    """When a commit was made, in the time zone of its maker."""
    zone = timezone(timedelta(seconds=commit.commit_timezone))
    return datetime.fromtimestamp(commit.commit_time, zone)


def links(archive: Archive) -> Iterator[Link]:
    """All versions of the repositories: each chain, newest first, then what is on none."""
    for repo in archive.repositories:
        if SHADOW in repo.refs:
            yield from _chain(archive, repo.refs[SHADOW])
        for name in sorted(repo.refs.allkeys(), reverse=True):
            if name.startswith(KEEP.encode()):
                yield from _chain(archive, repo.refs[name])
            elif name.startswith(_SPARE):
                link = _read(archive, repo.refs[name].decode("ascii"))
                if link is not None:
                    yield link


def _chain(archive: Archive, tip: ObjectID) -> Iterator[Link]:
    """Follow first parents down to where the chain began."""
    following: str | None = tip.decode("ascii")
    while following is not None:
        try:
            parents = archive.commit(following).parents
        except KeyError:
            return  # a shallow clone ends here
        link = read_link(archive, following)
        following = parents[0].decode("ascii") if parents else None
        if link is None:
            continue  # the user's own, who stood on the branch
        yield link
        began = following in (None, link.base, link.work_commit) and link.branch != _BRANCH
        if began and (following is None or read_link(archive, following) is None):
            return


def _work(archive: Archive, link: Commit) -> str | None:
    """R: the last parent, where it holds the same tree."""
    for parent in link.parents[-1:]:
        name = parent.decode("ascii")
        try:
            same = archive.commit(name).tree == link.tree
        except KeyError:
            return None
        if same:
            return name
    return None


def _base(archive: Archive, link: Commit, prefix: str) -> str | None:
    """The full id of the user's commit, of which the message has the beginning."""
    below = [*link.parents]
    for parent in link.parents[-1:]:
        try:
            below += archive.commit(parent.decode("ascii")).parents
        except KeyError:
            continue
    names = (commit.decode("ascii") for commit in below)
    return next((name for name in names if prefix and name.startswith(prefix)), None)
