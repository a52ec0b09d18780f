"""Content filters: what git does to a file's bytes on the way in, such as CRLF to LF.

Most projects have none, and their files are hashed as they are. With any, git itself is asked, so
that eol, ident, encodings, LFS and filter drivers come out as `git add` would have them.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from dulwich.objects import Blob, ObjectID
from dulwich.repo import Repo

from florlib.stores.versions.configuration import configuration
from florlib.stores.versions.gitcli import copy_index, git
from florlib.stores.versions.objects import ObjectWriter, read_file
from florlib.stores.versions.tracked import Entry

_OFF = (b"", b"false", b"no", b"off", b"0")


def may_apply(repo: Repo) -> bool:
    """Whether some setting, or an attributes file outside of the working tree, may ask for a conversion."""
    config = configuration(repo)
    try:
        if config.get((b"core",), b"autocrlf").lower() not in _OFF:
            return True
    except KeyError:
        pass
    return any(os.path.exists(path) for path in attribute_files(repo))


def attribute_files(repo: Repo) -> list[str]:
    """Where attributes stand outside of the working tree (gitattributes(5))."""
    try:
        personal = os.fsdecode(configuration(repo).get((b"core",), b"attributesfile"))
    except KeyError:
        settings = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
        personal = os.path.join(settings, "git", "attributes")
    own = os.path.join(repo.commondir(), "info", "attributes")
    return [own, os.path.expanduser(personal), "/etc/gitattributes"]


def convert(
    repo: Repo, root: Path, paths: Sequence[bytes], apart: Path | None = None
) -> dict[bytes, Entry] | None:
    """Add files as git would add them, through a private copy of the index.

    The copy matters: for a file that was staged with CRLF, `text=auto` keeps them.

    Args:
        repo: the repository.
        root: its work tree.
        paths: the files.
        apart: where the objects are to lie, if not in the repository.

    Returns:
        The entries by path, without files that vanished; None where git is not there or refuses.
    """
    with tempfile.TemporaryDirectory(prefix="flor-") as folder:
        index = Path(folder) / "index"
        if (current := Path(repo.controldir()) / "index").exists():
            copy_index(current, index)
            # Older than all of them, so that git reads the files, of whose times it knows the seconds.
            os.utime(index, (1, 1))
        words = ("update-index", "--add", "--remove", "--replace", "-z", "--stdin")
        objects = None if apart is None else (apart, Path(repo.object_store.path))
        listing = b"\0".join(paths)
        if git(*words, folder=root, index=index, objects=objects, stdin=listing) is None:
            return None
        listed = git("ls-files", "-s", "-z", folder=root, index=index) or b""
    wanted, found = set(paths), {}
    for line in listed.split(b"\0"):
        words_of_line, _, path = line.partition(b"\t")
        if path in wanted:
            mode, sha, _ = words_of_line.split()
            found[path] = (int(mode, 8), ObjectID(sha))
    return found


class Normalizer:
    """The conversions that dulwich knows, for where there is no git: eol and filter drivers."""

    def __init__(self, repo: Repo, writer: ObjectWriter) -> None:
        self._normalizer = repo.get_blob_normalizer(config=configuration(repo))
        self._writer = writer

    def add(self, full: bytes, path: bytes) -> ObjectID:
        """Add a file, converted; raises as `read_file` does."""
        blob = Blob.from_string(read_file(full))
        return self._writer.add(b"blob", self._normalizer.checkin_normalize(blob, path).data)
