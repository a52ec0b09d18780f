"""Inputs of a run that have changed since: told by size, time of change, and content where that is small."""

from __future__ import annotations

import os
from pathlib import Path

from xxhash import xxh3_128_hexdigest

from florctl.orchestrate.planning.inputs import TOLD, changed_inputs
from florlib.ground.recorded import Input, RecordedProcess
from florlib.ground.stamp import stamp


def recorded(project: Path, *paths: str, digests: bool = True) -> RecordedProcess:
    process = RecordedProcess({"pid": 1})
    for path in paths:
        found = stamp(project / path)
        assert found is not None
        digest = xxh3_128_hexdigest((project / path).read_bytes()) if digests else None
        process.inputs[path] = Input(*found, digest)
    return process


def touch(path: Path) -> None:
    before = path.stat()
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 10**9))


def test_what_is_as_it_was_is_not_named(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("1")

    assert changed_inputs([recorded(tmp_path, "a.csv")], tmp_path.joinpath) == []


def test_another_size_is_named_with_both(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("1")
    process = recorded(tmp_path, "a.csv")
    (tmp_path / "a.csv").write_text("123")

    (told,) = changed_inputs([process], tmp_path.joinpath)

    assert told == "a.csv has changed since the run read it: 1 bytes then, 3 now"


def test_another_time_alone_is_no_change_where_the_content_is_known(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("1")
    process = recorded(tmp_path, "a.csv")
    touch(tmp_path / "a.csv")

    assert changed_inputs([process], tmp_path.joinpath) == []


def test_another_content_of_the_same_size_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("1")
    process = recorded(tmp_path, "a.csv")
    (tmp_path / "a.csv").write_text("2")
    touch(tmp_path / "a.csv")

    assert changed_inputs([process], tmp_path.joinpath) == [
        "a.csv has changed since the run read it"
    ]


def test_a_large_file_of_another_time_counts_as_changed(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_text("1")
    process = recorded(tmp_path, "a.bin", digests=False)
    touch(tmp_path / "a.bin")

    assert changed_inputs([process], tmp_path.joinpath) == [
        "a.bin has changed since the run read it"
    ]


def test_what_is_gone_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("1")
    process = recorded(tmp_path, "a.csv")
    (tmp_path / "a.csv").unlink()

    assert changed_inputs([process], tmp_path.joinpath) == ["a.csv, which the run read, is gone"]


def test_what_the_run_wrote_itself_is_no_input(tmp_path: Path) -> None:
    (tmp_path / "log.txt").write_text("1")
    process = recorded(tmp_path, "log.txt")
    process.written_files.append("log.txt")
    (tmp_path / "log.txt").write_text("12")

    assert changed_inputs([process], tmp_path.joinpath) == []


def test_of_many_some_are_named_and_the_rest_is_counted(tmp_path: Path) -> None:
    names = [f"{n}.png" for n in range(TOLD + 4)]
    for name in names:
        (tmp_path / name).write_text("1")
    process = recorded(tmp_path, *names)
    for name in names:
        (tmp_path / name).unlink()

    told = changed_inputs([process], tmp_path.joinpath)

    assert len(told) == TOLD + 1
    assert told[-1] == "4 more files have changed since"
