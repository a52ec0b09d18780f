"""One run's files brought into the catalog: run.json, journals, replays, and how the run stands.

A piece of a journal goes in by one transaction, together with the mark of how far it was read. So
this may be killed anywhere, may run beside another one, and takes in nothing twice.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from florctl.orchestrate.answers import liveness
from florctl.orchestrate.answers.ahead import Ahead
from florctl.orchestrate.answers.pieces import Piece, read_piece
from florlib.ground.errors import FlorError
from florlib.ground.layout import (
    NOTES_FILE,
    REPLAYS,
    RUN_FILE,
    ReplayLayout,
    RunLayout,
    journals_among,
    names_in,
)
from florlib.ground.plan import SHELL
from florlib.stores.catalog import marks, runs
from florlib.stores.catalog.batches import Batch
from florlib.stores.catalog.ingest import Journal, ingest
from florlib.stores.catalog.marks import Mark, Watch
from florlib.stores.catalog.runs import Ending, ProcessEnd
from florlib.stores.notes import Notes, read_notes

SETTLING_S = 2.0
"""Folders' mtimes have a grain: what was written in the same tick as our look would be missed."""

_FINAL = ("done", "crashed", "killed")


@dataclass(slots=True)
class Intake:
    """Takes in one run after the other.

    Attributes:
        home: FLOR_HOME.
        connection: the catalog.
        batch: what is written to it.
        ahead: pieces of journals that others have digested.
        now: the present, with a time zone.
        boot: id of this boot (`processes.boot_id`).
        host: name of this host.
        journals: how many were read of which something was new.
        values: logged values that were taken in or compared.
        problems: one line each on what could not be read; everything else was.
    """

    home: Path
    connection: sqlite3.Connection
    batch: Batch
    ahead: Ahead
    now: datetime
    boot: str
    host: str
    journals: int = 0
    values: int = 0
    problems: list[str] = field(default_factory=list)

    def run(self, layout: RunLayout, folder: str) -> bool:
        """Take in one run; False where the folder holds none."""
        # Texts: the Path objects of a run would take a tenth of all that its intake does.
        here = f"{self.home}/{folder}"
        # Before anything is read, so that what is written meanwhile is found the next time.
        folder_mtime_ns, names = _mtime_ns(here), names_in(here)
        replays_mtime_ns = _mtime_ns(f"{here}/{REPLAYS}") if REPLAYS in names else 0
        try:
            key, run_json = self._run_file(folder)
            self._notes(layout.notes_file if NOTES_FILE in names else None, key, run_json)
        except FileNotFoundError:
            return False
        except KeyError as error:
            text = f"{layout.run_file} does not tell `{error.args[0]}` of the run"
            self.problems.append(text)
            return False
        except (OSError, ValueError, TypeError) as error:
            self.problems.append(f"{layout.run_file} cannot be read ({error})")
            return False
        journals = journals_among(names)
        for name in journals:
            self._journal(f"{folder}/{name}", key, None)
        if replays_mtime_ns or runs.known_replays(self.connection, key):
            self._replays(layout, key)
        written_ns = max(_mtime_ns(f"{here}/{name}") for name in (RUN_FILE, *journals))
        mtimes = (folder_mtime_ns, replays_mtime_ns)
        ends = runs.process_ends(self.connection, key)
        ending = self._ending(written_ns, run_json, ends)
        is_settled = self._is_settled(max(*mtimes, written_ns), key, ending, ends)
        seen: Watch = (int(is_settled), *mtimes)
        before = runs.ending_of(self.connection, key), marks.watch_of(self.connection, key)
        if before != (ending, seen):
            with self.batch.writing():
                runs.put_ending(self.connection, key, ending)
                marks.watch(self.connection, key, seen)
        return True

    def _notes(self, path: Path | None, key: int, run_json: dict[str, Any]) -> None:
        """Lay what was written about a run over what its run.json says."""
        try:
            notes = read_notes(path) if path else Notes()
        except (OSError, ValueError, FlorError) as error:
            self.problems.append(f"{path} cannot be read ({error})")
            return
        tags, note = notes.over(run_json.get("tags") or {}), notes.note or None
        if not runs.has_notes(self.connection, key, tags, note):
            with self.batch.writing():
                runs.put_notes(self.connection, key, tags, note)

    def _run_file(self, folder: str) -> tuple[int, dict[str, Any]]:
        """Take in what is new in a run.json; the key of the run, and what stands there."""
        name = f"{folder}/{RUN_FILE}"
        path = f"{self.home}/{name}"
        mark = _mark(path)
        with open(path, encoding="utf-8") as file:
            run_json = json.load(file)
        if marks.mark_of(self.connection, name) == mark:
            return runs.key_of(self.connection, run_json["run"]), run_json
        with self.batch.writing():
            key = runs.put_run(self.connection, folder, run_json)
            marks.set_mark(self.connection, name, key, mark)
        return key, run_json

    def _journal(self, name: str, run: int, replay: int | None) -> None:
        """Take in what is new of a journal, named from FLOR_HOME on."""
        path = f"{self.home}/{name}"
        try:
            size = _mark(path)
            if _same_size(marks.mark_of(self.connection, name), size):
                return
            journal = Journal(name, run, replay, 0.0 if replay is None else _tolerance(path))
            ahead = self.ahead.pieces(path, (size.size, size.mtime_ns))
            piece = None
            is_news = False
            while piece is None or not piece.is_last:
                with self.batch.writing():
                    piece = self._piece(path, journal, size, ahead)
                is_news |= piece.digest.opening is not None
        except (OSError, FlorError, ValueError, KeyError, TypeError, IndexError) as error:
            self.problems.append(f"{path} cannot be read ({error})")
            return
        self.journals += is_news

    def _piece(self, path: str, journal: Journal, size: Mark, ahead: Iterator[Piece]) -> Piece:
        """Take in the next piece of a journal, of which some may be ready."""
        # Asked under the lock: another harvest may have been here meanwhile.
        known = marks.mark_of(self.connection, journal.path)
        if known is not None and size.size < known.offset:
            marks.forget_journal(self.connection, journal.path)
            known = None
        start, cursor = (known.offset, known.cursor) if known else (0, None)
        piece = next(ahead, None)
        if piece is None or piece.start != start:
            piece = read_piece(path, start, cursor, is_replay=journal.replay is not None)
        ingest(self.connection, self.batch.interned, journal, piece.digest)
        # What is behind this piece shows in the size, should this be as far as it comes.
        sizes = (size.size, size.mtime_ns) if piece.is_last else (piece.end, 0)
        marks.set_mark(
            self.connection, journal.path, journal.run, Mark(*sizes, piece.end, piece.cursor)
        )
        runs.add_up(self.connection, journal.run)
        if journal.replay is not None:
            runs.mark_values(self.connection, journal.replay)
        self.values += piece.digest.values
        return piece

    def _replays(self, layout: RunLayout, run: int) -> None:
        reported = runs.replays_with_report(self.connection, run)
        folders = sorted(layout.replays.iterdir()) if layout.replays.is_dir() else []
        for gone in runs.known_replays(self.connection, run) - {one.name for one in folders}:
            with self.batch.writing():
                runs.forget_replay(self.connection, run, gone)
        for folder in folders:
            if folder.is_dir():
                self._replay(ReplayLayout(folder), run, folder.name in reported)

    def _replay(self, layout: ReplayLayout, run: int, reported: bool) -> None:
        report = None if reported else self._report(layout)
        journals = layout.journals()
        if not reported:
            touched = max(map(_mtime_ns, [layout.folder, *journals]))
            age_s = (self.now - liveness.touched_at(touched)).total_seconds()
            status = "running" if age_s < liveness.FRESH_S else "killed"
            if _plan(layout).get("mode") == SHELL:
                status = SHELL
            if report:
                status = str(report.get("status", "unknown"))
            with self.batch.writing():
                runs.put_replay(self.connection, run, layout.replay, status, report)
        key = runs.replay_key(self.connection, run, layout.replay)
        for path in journals:
            self._journal(str(path.relative_to(self.home)), run, key)

    def _report(self, layout: ReplayLayout) -> dict[str, Any] | None:
        try:
            content = json.loads(layout.report_file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            self.problems.append(f"{layout.report_file} cannot be read ({error})")
            return None
        return content if isinstance(content, dict) else None

    def _ending(self, written_ns: int, run_json: dict[str, Any], ends: list[ProcessEnd]) -> Ending:
        fetched = run_json.get("fetched") is not None  # a run that had ended where it was sent
        return liveness.ending(
            run_json,
            ends,
            touched=liveness.touched_at(written_ns),
            now=self.now,
            boot="another" if fetched else self.boot,
            host=str(run_json.get("host")) if fetched else self.host,
        )

    def _is_settled(self, newest_ns: int, key: int, ending: Ending, ends: list[ProcessEnd]) -> bool:
        if ending.status not in _FINAL or runs.has_unreported_replay(self.connection, key):
            return False
        # A process that outlived its run may go on writing; its journal's mtime tells.
        ended = all(process.ended for process in ends)
        age_s = (self.now - liveness.touched_at(newest_ns)).total_seconds()
        return age_s > (SETTLING_S if ended else liveness.FRESH_S)


def _mtime_ns(path: str | Path) -> int:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return 0


def _tolerance(journal: str) -> float:
    """The tolerance that a replay was asked for with."""
    try:
        return float(_plan(ReplayLayout(Path(journal).parent)).get("tolerance", 0.0))
    except (ValueError, TypeError):
        return 0.0


def _plan(layout: ReplayLayout) -> dict[str, Any]:
    """The plan of a replay; empty where it cannot be read."""
    try:
        content = json.loads(layout.plan_file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _mark(path: str) -> Mark:
    stat = os.stat(path)
    return Mark(stat.st_size, stat.st_mtime_ns)


def _same_size(known: Mark | None, found: Mark) -> bool:
    return known is not None and (known.size, known.mtime_ns) == (found.size, found.mtime_ns)
