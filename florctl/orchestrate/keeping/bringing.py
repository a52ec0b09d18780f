"""Bringing back checkpoints that were spooled and dropped here: those that something needs, as they were."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from florctl.orchestrate.planning.preparation import Prepared
from florlib.ground.errors import (
    FlorError,
    SpoolDamaged,
    SpoolNotFound,
    SpoolRefused,
    SpoolUnreachable,
)
from florlib.ground.layout import CHECKPOINTS, RunLayout
from florlib.ground.spool_format import SpooledFile
from florlib.hindsight.needed import needed_checkpoints
from florlib.stores.spooled import Copy, Spooled, read_spooled, write_spooled

Fetching = Callable[[int, int, str], None]
"""Is told, before anything is fetched: how many checkpoints, of how many bytes on the way, and from where."""


def fetch_needed(prepared: Prepared, fetching: Fetching) -> None:
    """Have here what a replay's plan needs; what no spool gives any more becomes a warning of it.

    Raises:
        FlorError: no spool that holds it can be asked, or it cannot be written.
    """
    wanted = needed_checkpoints(prepared.processes, prepared.planned.plan)
    for text in bring_back(prepared.request.layout, wanted, fetching):
        told = {"code": SpoolDamaged.code, "text": text}
        if told not in prepared.warnings:
            prepared.warnings.append(told)


def bring_back(layout: RunLayout, files: Iterable[str], fetching: Fetching) -> list[str]:
    """Have checkpoints of a run here, and those that they refer to; one that is here stays as it is.

    Args:
        layout: of the run.
        files: relative to its folder.
        fetching: is told, if anything has to be fetched.

    Returns:
        One line each on those that no spool gives any more.

    Raises:
        FlorError: no spool that holds one can be asked, or it cannot be written.
    """
    spooled = read_spooled(layout.spool_file)
    wanted = dict(_absent(layout, spooled, files)) if spooled else {}
    problems: dict[str, str] = {}
    away: FlorError | None = None
    for copy in reversed(spooled.copies):
        mine = {path: file for path, file in wanted.items() if copy in spooled.holders(path)}
        if not mine:
            continue
        try:
            lost = _fetch(layout, copy, mine, fetching)
        except (SpoolNotFound, SpoolRefused, SpoolUnreachable) as error:
            away = away or error  # another copy may serve
            continue
        problems |= lost
        wanted = {path: file for path, file in wanted.items() if path in lost or path not in mine}
    if wanted and away is not None:
        raise away
    return [problems[path] for path in wanted]


def _absent(
    layout: RunLayout, spooled: Spooled, files: Iterable[str]
) -> Iterator[tuple[str, SpooledFile]]:
    waiting, seen = list(files), set[str]()
    while waiting:
        path = waiting.pop()
        file = spooled.file(path)
        if path in seen or file is None:
            continue
        seen.add(path)
        waiting += file.refers_to
        if not (layout.folder / path).exists():
            yield path, file


def _fetch(
    layout: RunLayout, copy: Copy, files: dict[str, SpooledFile], fetching: Fetching
) -> dict[str, str]:
    """Fetch files from one spool; by path, why it does not give some."""
    from florlib.stores.spool import open_target
    from florlib.stores.spool.contents import fetch, threads

    fetching(len(files), sum(one.stored_bytes for one in files.values()), copy.url)
    paths: dict[Path, SpooledFile] = {layout.folder / path: one for path, one in files.items()}
    target = open_target(copy.url, copy.endpoint_url)
    try:
        with threads() as pool:
            lost = fetch(target, paths, pool)
    except OSError as error:
        raise FlorError(
            f"what was spooled of run {layout.run} cannot be written here ({error.strerror})",
            hint="flor store usage",
        ) from error
    return {files[p.relative_to(layout.folder).as_posix()].path: e.message for p, e in lost.items()}


def keep_spooled(layout: RunLayout, checkpoints: Container[str]) -> Spooled:
    """Forget what spools hold of other checkpoints: a run that goes on takes others in their place.

    Returns:
        What was known before.
    """
    before = read_spooled(layout.spool_file)
    if before:
        prefix = f"{CHECKPOINTS}/"
        copies = [
            replace(
                copy,
                manifest=replace(
                    copy.manifest,
                    files=tuple(
                        file
                        for file in copy.manifest.files
                        if file.path in checkpoints or not file.path.startswith(prefix)
                    ),
                ),
            )
            for copy in before.copies
        ]
        write_spooled(layout.spool_file, copies)
    return before
