"""flor's words on a script's command line: what they mean, and what they leave for its parser."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flor import _words
from flor._words import Words, enter, read_words

RECORDING = [
    ("--flor linear", Words(("t.py",), record=True, name="linear")),
    ("--flor=linear", Words(("t.py",), record=True, name="linear")),
    ("--flor", Words(("t.py",), record=True)),
    ("--flor --lr 1", Words(("t.py", "--lr", "1"), record=True)),
    ("--lr 1 --flor", Words(("t.py", "--lr", "1"), record=True)),
    ("--flor linear --lr 1", Words(("t.py", "--lr", "1"), record=True, name="linear")),
    ("--flor a.b-c_1 x", Words(("t.py", "x"), record=True, name="a.b-c_1")),
    ("--flor -v", Words(("t.py", "-v"), record=True)),
    ("--flor data/x", Words(("t.py", "data/x"), record=True)),
    ("--flor= x", Words(("t.py", "x"), record=True, name=None)),
    ("--florist x", Words(("t.py", "--florist", "x"))),
    ("--lr 1", Words(("t.py", "--lr", "1"))),
]
REPLAYING = [
    ("--replay_flor", None),
    ("--replay_flor 3/5", (3, 5)),
    ("--replay_flor=3/5", (3, 5)),
    ("--replay_flor pid:9 ngpus:200", (10, 200)),
    ("--replay_flor ngpus:200 pid:9", (10, 200)),
    ("--replay_flor pid:0 ngpus:1", (1, 1)),
]


@pytest.mark.parametrize(("line", "expected"), RECORDING)
def test_words_of_recording(line: str, expected: Words) -> None:
    assert read_words(["t.py", *line.split(" ")]) == expected


@pytest.mark.parametrize(("line", "part"), REPLAYING)
@pytest.mark.parametrize("following", [[], ["--lr", "1"], ["data"]])
def test_words_of_replaying(line: str, part: tuple[int, int] | None, following: list[str]) -> None:
    words = read_words(["t.py", *line.split(), *following])

    assert words == Words(("t.py", *following), replay=True, part=part)


def test_a_name_beside_a_replay() -> None:
    words = read_words(["t.py", "--flor", "linear", "--replay_flor", "1/2"])

    assert (words.name, words.replay, words.part) == ("linear", True, (1, 2))


@pytest.mark.parametrize("line", ["0/5", "6/5", "1/0", "pid:5 ngpus:5", "pid:1", "ngpus:2"])
def test_a_part_that_is_none_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match=r"part|go together"):
        read_words(["t.py", "--replay_flor", *line.split()])


def test_a_file_is_no_name(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").write_text("")

    assert read_words(["t.py", "--flor", "data"]) == Words(("t.py", "data"), record=True)


@given(st.lists(st.text(max_size=8).filter(lambda word: not word.startswith(("--f", "--r")))))
def test_other_words_are_left_in_their_order(words: list[str]) -> None:
    assert read_words(["t.py", *words]) == Words(("t.py", *words))


def test_a_script_without_flors_words_keeps_its_argv(monkeypatch) -> None:
    argv = ["t.py", "--lr", "1"]
    monkeypatch.setattr(sys, "argv", argv)

    enter()

    assert sys.argv is argv
    assert argv == ["t.py", "--lr", "1"]


def test_under_flor_record_the_words_are_only_taken_away(monkeypatch) -> None:
    monkeypatch.setenv("FLOR_LAUNCH", "{}")
    monkeypatch.setattr(sys, "argv", ["t.py", "--flor", "linear", "x"])

    enter()

    assert sys.argv == ["t.py", "x"]


def test_a_wrong_part_is_a_usage_error(monkeypatch, capsys) -> None:
    monkeypatch.setattr(sys, "argv", ["t.py", "--replay_flor", "9/5"])

    with pytest.raises(SystemExit) as ended:
        enter()

    assert ended.value.code == 2
    assert capsys.readouterr().err == (
        "error: there is no part 9 of 5\nhint: python t.py --replay_flor 3/5\n"
    )


def test_a_prompt_records_nothing(monkeypatch) -> None:
    monkeypatch.setattr(sys, "argv", ["", "--flor", "x"])
    monkeypatch.delattr(sys.modules["__main__"], "__file__", raising=False)
    monkeypatch.setattr(_words, "_replay", pytest.fail)

    enter()
