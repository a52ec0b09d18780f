"""Which untracked files are saved: no environments, no secrets, no data sets.

A file that git tracks is always saved, whatever this says, and so is one that `.florignore`
brings back with a `!pattern`, up to `HARD_LIMIT_BYTES`. What is left out is named, so that nobody
has to guess what a version lacks.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from operator import itemgetter
from typing import Protocol

from florlib.stores.versions.version import Skip

# One file of a size that source code does not reach: a model, an archive, a core dump.
FILE_LIMIT_BYTES = 10_000_000
# Not even on request: git keeps an object for ever, and every clone of the repository pays for it.
HARD_LIMIT_BYTES = 100_000_000
# A folder full of small files passes any limit on a single one, hence limits on all of them: about
# a second of hashing, and more files than a person writes.
TOTAL_LIMIT_BYTES = 200_000_000
TOTAL_LIMIT_FILES = 5_000
# A configuration is read by people; a larger one is data in the format of a configuration.
CONFIGURATION_LIMIT_BYTES = 1_000_000
# Beyond this many untracked files no further folder is entered: reading the names alone of a data
# set with millions of images takes minutes.
WALK_LIMIT_FILES = 100_000
# More paths than this with the same reason are shown by folder.
LISTED_PATHS = 20

# Made from the sources each time they run: nothing is lost with them, so they are not even named.
DERIVED_DIRECTORIES = frozenset({b"__pycache__", b".ipynb_checkpoints"})

# Installed or written by tools that keep their own books; other repositories' metadata.
JUNK_DIRECTORIES = {
    b"node_modules": "installed packages",
    b"wandb": "another tracker's files",
    b"mlruns": "another tracker's files",
    b"lightning_logs": "another tracker's files",
    b".flor": "flor's own files",
    b".hg": "another version control system's files",
    b".svn": "another version control system's files",
    b".jj": "another version control system's files",
}
JUNK_MARKERS = {
    b"pyvenv.cfg": "a virtual environment",
    b"conda-meta": "a conda environment",
    b"CACHEDIR.TAG": "a cache",  # bford.info/cachedir
}

SECRET_DIRECTORIES = frozenset({b".aws", b".ssh", b".gnupg"})
# Names that tools give to private keys and to files with passwords. `id_*` is spelled out: that
# pattern also holds id_mapping.py. Templates of .env files hold no values and belong to the code.
_SECRET = re.compile(
    rb"\.env(rc|[._-].*)?|.*\.(pem|key|p12|pfx)|id_(rsa|dsa|ecdsa|ed25519)(_sk)?"
    rb"|\.netrc|\.pypirc|credentials.*\.json|kubeconfig"
)
_TEMPLATE = re.compile(rb"\.env[._-](example|sample|template|dist)")

_CODE = frozenset(b"py pyi pyx pxd ipynb c cc cpp cu cuh h hpp rs go jl r sh sql".split())
_CONFIGURATION = frozenset(b"yaml yml toml json cfg ini conf txt md".split())

_TOO_MANY = (
    f"over the limit of {TOTAL_LIMIT_FILES:,} untracked files"
    f" or {TOTAL_LIMIT_BYTES // 1_000_000} MB in all"
)


class Candidate(Protocol):
    """An untracked file that the ignore rules let through."""

    @property
    def path(self) -> bytes: ...
    @property
    def size(self) -> int: ...
    @property
    def included(self) -> bool: ...


def derived(name: bytes) -> bool:
    """Whether a folder of this name is left out without a word."""
    return name in DERIVED_DIRECTORIES


def junk(name: bytes, names: Collection[bytes]) -> str | None:
    """Why an untracked folder is left out as a whole, None where it is not.

    Args:
        name: the folder's own name.
        names: what it holds.
    """
    if name in SECRET_DIRECTORIES:
        return "may hold secrets"
    what = JUNK_DIRECTORIES.get(name)
    for marker, meaning in JUNK_MARKERS.items():
        if marker in names:
            what = meaning
    return f"looks like {what}" if what else None


def refusal(candidate: Candidate) -> str | None:
    """Why a single untracked file is left out, None where it is not."""
    if candidate.size > HARD_LIMIT_BYTES:
        return f"untracked and over {HARD_LIMIT_BYTES // 1_000_000} MB"
    if candidate.included:
        return None
    if candidate.size > FILE_LIMIT_BYTES:
        return f"untracked and over {FILE_LIMIT_BYTES // 1_000_000} MB"
    name = candidate.path.rpartition(b"/")[2].lower()
    if _SECRET.fullmatch(name) and not _TEMPLATE.fullmatch(name):
        return "untracked and may hold secrets"
    return None


def admit(candidates: Iterable[Candidate]) -> tuple[set[bytes], list[Skip]]:
    """Choose the untracked files that a version holds.

    Code comes first and is never dropped for its number; then configurations, then the rest,
    smallest first, until one of the limits on all of them is reached.

    Returns:
        The paths to save, and what was left out.
    """
    admitted: set[bytes] = set()
    refused: list[Skip] = []
    total = 0
    ranked = [(_rank(each), each.size, each.path, each) for each in candidates]
    for rank, size, path, candidate in sorted(ranked, key=itemgetter(0, 1, 2)):
        reason = refusal(candidate)
        full = len(admitted) >= TOTAL_LIMIT_FILES or total + size > TOTAL_LIMIT_BYTES
        if reason is None and full and rank > 0:
            reason = _TOO_MANY
        if reason is not None:
            refused.append(Skip(os.fsdecode(path), reason, size))
            continue
        admitted.add(path)
        total += size
    return admitted, refused


def by_folder(skips: Sequence[Skip]) -> tuple[Skip, ...]:
    """Skips by path; where many share a reason, by the top-level folders that hold them."""
    alike: dict[str, list[Skip]] = defaultdict(list)
    for skip in skips:
        alike[skip.reason].append(skip)
    shown = [
        skip
        for reason, group in alike.items()
        for skip in (group if len(group) <= LISTED_PATHS else _folders(reason, group))
    ]
    return tuple(sorted(shown, key=lambda skip: skip.path))


def _folders(reason: str, group: list[Skip]) -> list[Skip]:
    held: dict[str, list[Skip]] = defaultdict(list)
    for skip in group:
        top, slash, _ = skip.path.partition("/")
        held[top + slash if slash else "./"].append(skip)
    return [
        skips[0]
        if len(skips) == 1
        else Skip(folder, f"{reason} ({len(skips):,} paths)", sum(skip.bytes for skip in skips))
        for folder, skips in held.items()
    ]


def _rank(candidate: Candidate) -> int:
    """0 for code and what was asked for, 1 for configurations, 2 for the rest."""
    stem, dot, suffix = candidate.path.rpartition(b"/")[2].rpartition(b".")
    kind = suffix.lower() if stem and dot else b""
    if candidate.included or kind in _CODE:
        return 0
    small = candidate.size <= CONFIGURATION_LIMIT_BYTES
    return 1 if kind in _CONFIGURATION and small else 2
