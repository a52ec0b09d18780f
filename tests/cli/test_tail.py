"""`flor log tail`: the last values, and those to come until the run ends."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from florctl.orchestrate.answers.following import Follower
from florctl.orchestrate.answers.processes import identity
from florlib.ground.layout import RunLayout
from tests.cli.conftest import Typed
from tests.homes import END, Home, append_journal, enter, log, process, write_journal


def going(home: Home, *records: dict) -> RunLayout:
    """A run that this process records."""
    alive = identity(os.getpid())
    head = [enter([], "epoch", "main"), log([["epoch", 0]], ("loss", 1.0), ("print", "begun"))]
    return home.run("dd4444", name="live", minutes_ago=0, ended=None, exit_status=None,
                    records=[*head, *records], **alive)  # fmt: skip


def end(layout: RunLayout, status: int = 0) -> None:
    """Let it end as recorders let runs end."""
    append_journal(layout.journal(0, 100), [END])
    content = json.loads(layout.run_file.read_text())
    content |= {"ended": content["started"], "exit_status": status}
    temporary = layout.folder / ".run.json.1.tmp"
    temporary.write_text(json.dumps(content))
    temporary.rename(layout.run_file)


def test_the_last_values_in_their_order(typed: Typed, trained: Home):
    assert typed("log", "tail", "linear@1", "-n", "3").stdout == (
        "epoch 2, step 0  loss  0.2\n"
        "epoch 2, step 1  loss  0.16666666666666666\n"
        "epoch 2          acc   0.5\n"
    )
    assert typed("log", "tail", "linear@1", "lr", "acc").stdout.splitlines()[0] == "  lr  0.1"


def test_forms_for_programs(typed: Typed, trained: Home):
    objects = json.loads(typed("log", "tail", "linear@1", "acc", "-n", "1", "--json").stdout)
    rows = list(csv.DictReader(io.StringIO(typed("log", "tail", "@", "acc", "--csv").stdout)))
    plain = typed("log", "tail", "@", "acc", "--plain").stdout

    assert objects[0].keys() == {"run", "rank", "position", "name", "value"}
    assert (objects[0]["position"], objects[0]["value"]) == ([{"loop": "epoch", "index": 2}], 0.5)
    assert [(row["position"], row["value"]) for row in rows] == [("epoch=0", "0.0")]
    assert plain.split("\t")[1:] == ["0", "epoch=0", "acc", "0.0\n"]


def test_stderr_is_shown_where_it_is_asked_for(typed: Typed, flor_home: Path):
    home = Home(flor_home)
    home.run(records=[log([], ("print", "\x1b[31mred"), ("stderr", "50%|"))])

    assert typed("log", "tail", "linear").stdout == "  print  \\x1b[31mred\n"
    assert typed("log", "tail", "linear", "stderr").stdout == "  stderr  50%|\n"


def test_what_is_written_meanwhile_is_shown_until_the_run_ends(typed: Typed, flor_home: Path):
    layout = going(Home(flor_home))

    def write() -> None:
        time.sleep(0.6)
        append_journal(layout.journal(0, 100), [log([["epoch", 1]], ("loss", 0.5))])
        time.sleep(0.6)
        append_journal(layout.journal(0, 100), [log([["epoch", 2]], ("loss", 0.25))])
        end(layout, 3)

    writer = threading.Thread(target=write)
    writer.start()
    result = typed("log", "tail", "-f", "live", "loss", "--json")
    writer.join()

    assert [json.loads(line)["value"] for line in result.stdout.splitlines()] == [1.0, 0.5, 0.25]
    assert (result.exit_code, result.stderr) == (0, "flor: live@1 is crashed, exit status 3\n")


def test_following_a_run_that_has_ended_ends(typed: Typed, trained: Home):
    result = typed("log", "tail", "-f", "linear@1", "-n", "0")

    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == "flor: linear@1 is done\n"


def test_a_torn_end_is_waited_for(flor_home: Path):
    layout = going(Home(flor_home))
    follower = Follower(layout, {"loss"})
    assert [told.value for told in follower.last(5)] == [1.0]
    path = layout.journal(0, 100)
    whole = path.read_bytes()
    append_journal(path, [log([["epoch", 1]], ("loss", 0.5))])
    more = path.read_bytes()

    path.write_bytes(more[: len(whole) + 7])
    assert list(follower.look()) == []
    path.write_bytes(more)

    assert [told.value for told in follower.look()] == [0.5]
    assert list(follower.look()) == []


def test_a_run_that_is_resumed_goes_on_from_where_its_journal_was_cut(flor_home: Path):
    layout = going(Home(flor_home), log([["epoch", 1]], ("loss", 0.5)))
    follower = Follower(layout, {"loss"})
    assert len(follower.last(5)) == 2

    kept = [enter([], "epoch", "main"), log([["epoch", 0]], ("loss", 1.0))]
    write_journal(layout.journal(0, 100), [process(run=layout.run), *kept])
    assert list(follower.look()) == []
    append_journal(layout.journal(0, 100), [log([["epoch", 1]], ("loss", 0.5))])

    assert [told.value for told in follower.look()] == [0.5]


def test_ranks_are_told_apart(typed: Typed, flor_home: Path):
    layout = going(Home(flor_home))
    other = [process(run=layout.run, rank=1, pid=101), log([["epoch", 0]], ("loss", 2.0))]
    write_journal(layout.journal(1, 101), other)

    assert typed("log", "tail", "live", "loss", "-n", "1").stdout == (
        "epoch 0  loss  1.0\nepoch 0  loss (rank 1)  2.0\n"
    )


@pytest.mark.process
def test_ctrl_c_ends_it(flor_home: Path, tmp_path: Path):
    going(Home(flor_home))
    child = subprocess.Popen(
        [sys.executable, "-m", "florctl", "log", "tail", "-f", "live", "loss"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "epoch 0  loss  1.0\n"

    child.send_signal(signal.SIGINT)

    out, error = child.communicate(timeout=60)
    assert (child.returncode, out, error) == (130, "", "")


@pytest.mark.parametrize(
    ("words", "status", "error"),
    [
        (["linear@1", "zzz"], 3, "error: linear@1 has recorded no zzz\nhint: flor log get "),
        (["zzz"], 3, "error: no run answers to 'zzz'\n"),
        (["@", "-n", "-1"], 2, "error: invalid value for"),
    ],
)
def test_one_line_and_a_hint(typed: Typed, trained: Home, words, status, error):
    result = typed("log", "tail", *words)

    assert (result.exit_code, result.stdout) == (status, "")
    assert result.stderr.startswith(error)
