"""The flow of `flor spool fetch --from`: runs of other machines, made listable and replayable here.

Nothing that is fetched is executed or unpickled here; a replay executes the run's code and command, and
loads pickled objects only of runs whose user said that they are trusted.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from florctl.orchestrate.alone import alone_in
from florctl.orchestrate.keeping.settling import Settlement, marked, settled
from florctl.orchestrate.run_json import read_run_json
from florlib.ground.errors import RunAmbiguous, SpoolDamaged, SpoolNotFound, VersionMissing
from florlib.ground.layout import HomeLayout, RunLayout
from florlib.ground.spool_format import Manifest, SpooledFile
from florlib.stores.atomic import write_json
from florlib.stores.spool import Target
from florlib.stores.spool.contents import fetch, read_chunk, threads
from florlib.stores.spool.manifests import read_manifest, spooled_runs
from florlib.stores.spooled import Copy, read_spooled, write_spooled

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class FetchRequest:
    """What is fetched, and where it is to be at home.

    Attributes:
        home: FLOR_HOME.
        target: that has the runs.
        project: the present one, which may be that of the runs.
        into: a folder that a run's code is laid out in where no project of it is here.
        trusted: pickled objects in the runs' checkpoints may be loaded.
        now: the present.
    """

    home: Path
    target: Target
    project: Path
    into: Path
    trusted: bool = False
    now: datetime = field(kw_only=True)


@dataclass(slots=True)
class Fetched:
    """A run that was fetched.

    Attributes:
        files: that were laid down.
        bytes: of those.
        absent: checkpoints that stay in the spool until they are needed.
        project: of the run, here.
        is_laid_out: whether its code was laid out there.
        is_new: whether it was not here before.
        problems: one line each on what of it could not be had.
    """

    layout: RunLayout
    manifest: Manifest
    files: int = 0
    bytes: int = 0
    absent: int = 0
    project: str = ""
    is_laid_out: bool = False
    is_new: bool = True
    problems: list[str] = field(default_factory=list)


def choose(target: Target, selectors: Sequence[str]) -> list[tuple[str, str, int]]:
    """(name, run, number of its manifest) of the runs that selectors name; all without one.

    Args:
        target: that has the runs.
        selectors: NAME (its newest), NAME@3, the beginning of an id or of the token at its end.

    Raises:
        SpoolNotFound: it has no such run.
        RunAmbiguous: it has several.
    """
    there = spooled_runs(target)
    every = [(name, run, number) for (name, run), number in sorted(there.items(), key=_by_run)]
    if not selectors:
        return every
    return list(dict.fromkeys(_chosen(target, every, one.strip()) for one in selectors))


def _by_run(item: tuple[tuple[str, str], int]) -> str:
    return item[0][1]


def _chosen(
    target: Target, every: Sequence[tuple[str, str, int]], selector: str
) -> tuple[str, str, int]:
    named = [one for one in every if one[0] == selector]
    if named:
        return named[-1]
    name, at, number = selector.rpartition("@")
    if at and number.isdecimal():
        for one in reversed([each for each in every if each[0] == name]):
            if read_manifest(target, *one).ordinal == int(number):
                return one
    ids = [one for one in every if _begins(one[1], selector)] if selector else []
    if len(ids) > 1:
        shown = ", ".join(run for _, run, _ in ids[:_SHOWN])
        raise RunAmbiguous(
            f"{selector} may be any of {len(ids)} runs in {target.url}: {shown}",
            hint=f"flor spool fetch {ids[0][1]} --from {target.url}",
        )
    if not ids:
        raise SpoolNotFound(
            f"{target.url} has no run that answers to {selector!r}",
            hint=f"flor spool fetch --from {target.url} --list",
        )
    return ids[0]


def _begins(run: str, selector: str) -> bool:
    return run.startswith(selector) or run.split("-", 2)[-1].startswith(selector)


def read_all(target: Target, chosen: Iterable[tuple[str, str, int]]) -> list[Manifest]:
    """The manifests of some runs, in that order."""
    with threads() as pool:
        return list(pool.map(lambda one: read_manifest(target, *one), chosen))


def fetch_runs(request: FetchRequest, chosen: Iterable[tuple[str, str, int]]) -> list[Fetched]:
    """Bring runs here without their checkpoints, which come when they are needed.

    Raises:
        FlorError: of the target's; runs that were fetched before stay.
        OSError: they cannot be written here.
    """
    with threads() as pool:
        return [_fetch_run(request, pool, *one) for one in chosen]


def _fetch_run(
    request: FetchRequest, pool: ThreadPoolExecutor, name: str, run: str, number: int
) -> Fetched:
    manifest = read_manifest(request.target, name, run, number)
    layout = HomeLayout(request.home).run(name, run)
    made = Fetched(layout, manifest, is_new=not layout.run_file.exists())
    at = request.now.isoformat(timespec="seconds")
    copy = Copy(request.target.url, request.target.endpoint_url, number, at, manifest)
    if made.is_new:
        _lay_down(request, pool, made, copy)
    else:
        _add(request, pool, made, copy)
    made.absent = sum(not (layout.folder / one.path).exists() for one in manifest.checkpoints)
    return made


def _lay_down(request: FetchRequest, pool: ThreadPoolExecutor, made: Fetched, copy: Copy) -> None:
    """A run that is not here: everything of it aside, then in one move."""
    layout, manifest = made.layout, made.manifest
    layout.folder.parent.mkdir(parents=True, exist_ok=True)
    with _aside(HomeLayout(request.home).fetches / f"{layout.run}.{os.getpid()}") as folder:
        there = RunLayout(folder)
        _lay(request, pool, made, folder, _without_checkpoints(manifest))
        there.checkpoints.mkdir(exist_ok=True)
        content = read_run_json(there)
        store = _take_in(request, pool, made, content)
        with alone_in(layout.folder.parent):
            settlement = Settlement(
                request.home, request.project, request.into, request.trusted, copy.url, store
            )
            content, made.is_laid_out = settled(content, settlement)
            made.project = content["project"]
            write_json(there.run_file, content)
            write_spooled(there.spool_file, [copy])
            if not layout.run_file.exists():  # else another one was faster
                os.rename(folder, layout.folder)


@contextmanager
def _aside(folder: Path) -> Iterator[Path]:
    shutil.rmtree(folder, ignore_errors=True)  # of a process that had our id and was killed
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _add(request: FetchRequest, pool: ThreadPoolExecutor, made: Fetched, copy: Copy) -> None:
    """A run that is here: what replays elsewhere have brought since, where the rest lies, and trust.

    What is known of the checkpoints of a run that was recorded here is not taken from a spool: whoever
    can write there could have others loaded in their place. Where nothing is known, they are from
    elsewhere.
    """
    layout = made.layout
    lasting = [
        one
        for one in made.manifest.files
        if one.path.startswith("replays/") and not (layout.folder / one.path).exists()
    ]
    _lay(request, pool, made, layout.folder, lasting)
    with alone_in(layout.folder):
        content = read_run_json(layout)
        made.project = content["project"]
        spooled, is_own = read_spooled(layout.spool_file), content.get("fetched") is None
        if is_own and spooled:
            return
        write_spooled(layout.spool_file, spooled.with_copy(copy).copies)
        if is_own:
            content = marked(content, content, copy.url, trusted=request.trusted)
            write_json(layout.run_file, content)
        elif request.trusted:
            _trust(layout, content)


def trust(layout: RunLayout) -> None:
    """Have pickled objects in the checkpoints of a run from elsewhere loaded from now on.

    Raises:
        RunDamaged: its run.json cannot be read.
    """
    with alone_in(layout.folder):
        _trust(layout, read_run_json(layout))


def _trust(layout: RunLayout, content: dict[str, Any]) -> None:
    fetched = content.get("fetched")
    if fetched is not None and not fetched["trusted"]:
        write_json(layout.run_file, {**content, "fetched": {**fetched, "trusted": True}})


def _without_checkpoints(manifest: Manifest) -> list[SpooledFile]:
    later = {one.path for one in manifest.checkpoints}
    return [one for one in manifest.files if one.path not in later]


def _lay(
    request: FetchRequest,
    pool: ThreadPoolExecutor,
    made: Fetched,
    folder: Path,
    files: Sequence[SpooledFile],
) -> None:
    lost = fetch(request.target, {folder / one.path: one for one in files}, pool)
    if RunLayout(folder).run_file in lost:
        raise lost[RunLayout(folder).run_file]
    made.problems += [error.message for error in lost.values()]
    made.files = len(files) - len(lost)
    made.bytes = sum(one.bytes for one in files if folder / one.path not in lost)


def _take_in(
    request: FetchRequest, pool: ThreadPoolExecutor, made: Fetched, content: dict[str, Any]
) -> Path | None:
    """Have the version in a private store; returns that, or None where there is no version."""
    from florlib.stores.versions.carried import take_in_version

    version = content.get("version")
    if not version or not made.manifest.version:
        return None
    store = HomeLayout(request.home).private_store(made.manifest.name)
    try:
        packs = [
            b"".join(pool.map(lambda chunk: read_chunk(request.target, chunk), one.chunks))
            for one in made.manifest.version
        ]
        take_in_version(store, packs, made.manifest.run, str(version["commit"]))
    except (SpoolDamaged, VersionMissing) as error:
        made.problems.append(f"its version is not here: {error.message}")
        return None
    return store
