"""The flow of `flor spool s3` and `dir`: send what a run has, publish its manifest, then drop what may go."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from florctl.orchestrate.alone import alone_in
from florctl.orchestrate.answers.versions import version_of
from florctl.orchestrate.keeping.settling import as_recorded
from florctl.orchestrate.keeping.stored import StoredProcess, read_stored
from florctl.orchestrate.keeping.sweep import why_left_alone
from florctl.orchestrate.run_json import read_run_json
from florlib.ground.errors import FlorError, VersionMissing
from florlib.ground.layout import RUN_FILE, HomeLayout, RunLayout
from florlib.ground.spool_format import Manifest, SpooledFile
from florlib.stores.atomic import write_json
from florlib.stores.catalog.rows import RunRow
from florlib.stores.pins import Pins, read_pins
from florlib.stores.spool import Target
from florlib.stores.spool.contents import Sender, Traffic, threads
from florlib.stores.spool.manifests import newest_manifest, publish_manifest
from florlib.stores.spooled import Copy, read_spooled, write_spooled

_LASTING = ("replays/", "interrupted/")
"""What a run gains, and does not change: what another machine has sent of it is kept."""


@dataclass(frozen=True, slots=True)
class SpoolRequest:
    """What is to be sent, and what stays.

    Attributes:
        home: FLOR_HOME.
        target: where to.
        keep_local: of each process, so many of the last checkpoints stay here; None for all.
        compress: whether contents are coded where that pays.
        pretend: send and drop nothing, and say what would be.
        now: the present.
    """

    home: Path
    target: Target
    keep_local: int | None = None
    compress: bool = True
    pretend: bool = False
    now: datetime = field(kw_only=True)


@dataclass(slots=True)
class Sent:
    """What became of one run.

    Attributes:
        files: that the spool holds of it now.
        checkpoints: of those.
        traffic: what was sent for it.
        dropped: checkpoints that went here, or would.
        freed_bytes: of those.
        problems: one line each on what is not as it should be.
    """

    run: RunRow
    files: tuple[SpooledFile, ...] = ()
    traffic: Traffic = field(default_factory=Traffic)
    dropped: int = 0
    freed_bytes: int = 0
    problems: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Spooling:
    """What became of all runs.

    Attributes:
        left_alone: runs that were not looked at, and why.
    """

    sent: list[Sent] = field(default_factory=list)
    left_alone: list[tuple[RunRow, str]] = field(default_factory=list)


def spool(request: SpoolRequest, runs: Sequence[RunRow], told: Callable[[Sent], None]) -> Spooling:
    """Send runs, the newest first.

    Args:
        request: how.
        runs: which.
        told: is called when a run is done.

    Raises:
        FlorError: of the target's, which `details` tells what was sent before; or of a run's files.
        OSError: a file of a run cannot be read, or spool.json not be written.
    """
    found = Spooling()
    total = Traffic()
    with threads() as pool:
        sender = Sender(request.target, pool, request.compress, request.pretend)
        for run in runs:
            layout = RunLayout(request.home / run.folder)
            processes = read_stored(layout)
            reason = why_left_alone(run, layout, processes, request.now)
            if reason is not None:
                found.left_alone.append((run, reason))
                continue
            sender.traffic = Traffic()
            try:
                sent = _Run(request, run, layout, sender, pool).send()
            except FlorError as error:
                objects = total.sent + sender.traffic.sent
                line = f"flor: {objects} objects were sent; the same command goes on from there"
                error.details += [line] if objects else []
                raise
            total.sent += sender.traffic.sent
            found.sent.append(sent)
            told(sent)
    return found


@dataclass(slots=True)
class _Run:
    """One run on its way."""

    request: SpoolRequest
    run: RunRow
    layout: RunLayout
    sender: Sender
    pool: ThreadPoolExecutor

    def send(self) -> Sent:
        target = self.request.target
        seen, _ = newest_manifest(target, self.run.name, self.run.run)
        if seen is not None:
            chunks = (chunk for file in (*seen.files, *seen.version) for chunk in file.chunks)
            self.sender.known.update((chunk.digest, chunk) for chunk in chunks)
        sent = Sent(self.run, traffic=self.sender.traffic)
        if seen is None and self._was_sent():
            sent.problems.append(f"{target.url} had lost what was sent of it before")
        version = self._send_version(sent)
        files = self._send_files()
        with alone_in(self.layout.folder):
            processes = read_stored(self.layout)
            manifest = self._manifest(files, version, processes, sent)
            sent.files = manifest.files
            if not self.request.pretend:
                self._publish(manifest)
            if self.request.keep_local is not None:
                self._drop(manifest, processes, self.request.keep_local, sent)
        return sent

    def _send_files(self) -> list[SpooledFile]:
        """All of the run; of one from elsewhere, run.json as it was there."""
        files = dict(files_of(self.layout, read_stored(self.layout)))
        content = read_run_json(self.layout)
        if content.get("fetched") is None:
            return self.sender.send(files.items())
        with tempfile.TemporaryDirectory(prefix="flor-spool-") as folder:
            path = Path(folder, RUN_FILE)
            write_json(path, as_recorded(content))
            changed_ns = self.layout.run_file.stat().st_mtime_ns
            os.utime(path, ns=(changed_ns, changed_ns))
            return self.sender.send({**files, RUN_FILE: path}.items())

    def _was_sent(self) -> bool:
        target = self.request.target
        copies = read_spooled(self.layout.spool_file).copies
        return (target.url, target.endpoint_url) in {copy.place for copy in copies}

    def _send_version(self, sent: Sent) -> list[SpooledFile]:
        """The objects of its version, as far as there is one."""
        from florlib.stores.versions.carried import version_packs

        if not self.run.version:
            return []
        try:
            version = version_of(self.run, self.request.home)
            store = HomeLayout(self.request.home).private_store(self.run.name)
            stores = [one for one in (version.store, store) if one.exists()]
            packs = version_packs(stores, version.commit, version.work_commit)
        except VersionMissing as error:
            sent.problems.append(f"its version was not sent: {error.message}")
            return []
        with tempfile.TemporaryDirectory(prefix="flor-spool-") as folder:
            paths = []
            for number, pack in enumerate(packs):
                path = Path(folder, f"{number}.pack")
                path.write_bytes(pack)
                os.utime(path, ns=(0, 0))  # of no time: equal versions are equal manifests
                paths.append((f"version/{path.name}", path))
            return self.sender.send(paths)

    def _manifest(
        self,
        files: Iterable[SpooledFile],
        version: Sequence[SpooledFile],
        processes: Sequence[StoredProcess],
        sent: Sent,
    ) -> Manifest:
        """What the spool is to say of the run: what was sent, and what it has had from before."""
        refers = {
            one.file: tuple(sorted(one.refers_to))
            for process in processes
            for one in process.with_references()
        }
        found = {one.path: replace(one, refers_to=refers.get(one.path, ())) for one in files}
        carried = {one.path: one for one in self._carried(processes, sent) if one.path not in found}
        every = sorted({**carried, **found}.items())
        row = self.run
        return Manifest(
            row.run,
            row.name,
            row.ordinal,
            row.status,
            row.started,
            tuple(file for _, file in every),
            tuple(version),
        )

    def _carried(self, processes: Sequence[StoredProcess], sent: Sent) -> Iterator[SpooledFile]:
        """What the spool holds of the run and this machine does not."""
        target = self.request.target
        seen, _ = newest_manifest(target, self.run.name, self.run.run)
        there = {} if seen is None else {one.path: one for one in seen.files}
        spooled = read_spooled(self.layout.spool_file)
        wanted = [file for process in processes for file in process.spooled]
        known = {path: spooled.file(path) for path in wanted}
        elsewhere = [path for path in wanted if there.get(path) != known[path]]
        if elsewhere:
            sent.problems.append(
                f"{len(elsewhere)} of its checkpoints lie in another spool alone, and were not sent:"
                f" flor spool fetch {self.run.run} brings them here"
            )
        kept = [there[path] for path in wanted if path not in elsewhere]
        for file in self.sender.lacks(kept):
            sent.problems.append(f"{file.path} is not in {target.url} any more, nor here")
            kept.remove(file)
        yield from kept
        yield from (one for path, one in there.items() if path.startswith(_LASTING))

    def _publish(self, manifest: Manifest) -> None:
        target = self.request.target
        _, last = newest_manifest(target, manifest.name, manifest.run)
        number = publish_manifest(target, manifest, last)
        at = self.request.now.isoformat(timespec="seconds")
        copy = Copy(target.url, target.endpoint_url, number, at, manifest)
        spooled = read_spooled(self.layout.spool_file).with_copy(copy)
        write_spooled(self.layout.spool_file, spooled.copies)

    def _drop(
        self, manifest: Manifest, processes: Sequence[StoredProcess], keep: int, sent: Sent
    ) -> None:
        """Let checkpoints go that the spool has shown to hold."""
        going = _going(processes, read_pins(self.layout.pins_file), keep)
        listed = {one.path: one for one in manifest.checkpoints}
        files = {self.layout.folder / path: listed[path] for path in going if path in listed}
        held = set(files) if self.request.pretend else self.sender.hold(files)
        staying = {
            other for path, file in files.items() if path not in held for other in file.refers_to
        }
        for path, file in files.items():
            if path not in held:
                sent.problems.append(
                    f"{file.path} stays here: {self.request.target.url} does not give it back"
                )
            if path not in held or file.path in staying:
                continue
            sent.dropped += 1
            sent.freed_bytes += file.bytes
            if not self.request.pretend:
                path.unlink(missing_ok=True)


def _going(processes: Sequence[StoredProcess], pins: Pins, keep: int) -> list[str]:
    """The checkpoints that do not stay here: neither among the last, nor pinned, nor referred to by those."""
    going: list[str] = []
    for process in () if pins.whole else processes:
        stored = process.with_references()
        last = stored[len(stored) - keep :] if keep else []
        staying = {one.file for one in last} | pins.files
        staying |= {other for one in stored if one.file in staying for other in one.refers_to}
        going += [one.file for one in stored if one.file not in staying]
    return going


def files_of(layout: RunLayout, processes: Iterable[StoredProcess]) -> Iterator[tuple[str, Path]]:
    """(path in the run, the file) of all that is kept of a run: sandboxes of replays are not."""
    paths = [layout.run_file, *layout.journals()]
    paths += [path for path in (layout.pins_file, layout.notes_file) if path.exists()]
    paths += sorted(path for path in layout.interrupted.rglob("*") if _is_plain(path))
    for folder in sorted(layout.replays.iterdir()) if layout.replays.is_dir() else ():
        paths += sorted(path for path in folder.iterdir() if _is_plain(path))
    for folder in layout.all_arrays():
        paths += sorted(path for path in folder.glob("*") if _is_plain(path))
    paths += [layout.folder / one.file for process in processes for one in process.checkpoints]
    yield from ((path.relative_to(layout.folder).as_posix(), path) for path in paths)


def _is_plain(path: Path) -> bool:
    return path.is_file() and not path.is_symlink() and not path.name.startswith(".")
