"""What a process did is put together from the records of its journal, also where that ends early."""

from __future__ import annotations

from typing import Any

from florlib.ground.recorded import CheckpointMark, RecordedProcess


def process(**fields: Any) -> dict[str, Any]:
    return {"kind": "process", "rank": 0, "pid": 7, "script": "/p/train.py", **fields}


def enter(loop: str = "epoch", main: int = 0, **fields: Any) -> dict[str, Any]:
    return {
        "kind": "enter",
        "position": [],
        "loop": loop,
        "role": "main",
        "path": "train.py",
        "ordinal": 0,
        "main": main,
        **fields,
    }


def iteration(index: int, main: int = 0, seconds: float = 0.5, **fields: Any) -> dict[str, Any]:
    return {"kind": "iteration", "main": main, "index": index, "seconds": seconds, **fields}


def leave(how: str = "exhausted", main: int = 0) -> dict[str, Any]:
    return {"kind": "exit", "role": "main", "main": main, "how": how}


def block(index: int, number: int | None = 0, **fields: Any) -> dict[str, Any]:
    return {
        "kind": "exit",
        "role": "nested",
        "position": [["epoch", index]],
        "loop": "step",
        "how": "exhausted",
        "iterations": 4,
        "skippable": True,
        "main": 0,
        "index": index,
        "block": number,
        "path": "train.py",
        "ordinal": 1,
        **fields,
    }


def checkpoint(index: int, number: int | None = None, **fields: Any) -> dict[str, Any]:
    return {
        "kind": "checkpoint",
        "file": f"checkpoints/{index}.{number}",
        "role": "boundary" if number is None else "block",
        "main": 0,
        "index": index,
        "block": number,
        "bytes": 100,
        "complete": True,
        "missing": [],
        **fields,
    }


def read(*records: dict[str, Any]) -> RecordedProcess:
    found = RecordedProcess.read([process(), *records])
    assert found is not None
    return found


def test_an_empty_journal_holds_no_process() -> None:
    assert RecordedProcess.read([]) is None
    assert RecordedProcess.read([{"kind": "warning"}]) is None


def test_a_run_that_came_to_its_end() -> None:
    found = read(
        enter(), checkpoint(0), iteration(0), checkpoint(1), iteration(1), leave(), {"kind": "end"}
    )

    (main,) = found.mains
    assert (main.name, main.path, main.ordinal) == ("epoch", "train.py", 0)
    assert (main.iterations, main.how, main.left_early) == (2, "exhausted", False)
    assert sorted(main.boundaries) == [0, 1]
    assert main.seconds == {0: 0.5, 1: 0.5}
    assert found.ended


def test_short_iterations_share_a_record_and_its_seconds() -> None:
    (main,) = read(enter(), iteration(0), iteration(4, seconds=1.0, turns=4)).mains

    assert main.iterations == 5
    assert main.seconds == {0: 0.5, 1: 0.25, 2: 0.25, 3: 0.25, 4: 0.25}


def test_a_run_that_was_killed() -> None:
    found = read(enter(), checkpoint(0), iteration(0))

    assert (found.mains[0].how, found.mains[0].iterations, found.ended) == ("killed", 1, False)


def test_a_loop_that_was_left_by_break_counts_as_left_early() -> None:
    assert read(enter(), iteration(0), leave("break")).mains[0].left_early
    assert read(enter(), iteration(0), leave("return")).mains[0].left_early
    assert not read(enter(), leave("raise")).mains[0].left_early


def test_several_main_loops() -> None:
    found = read(enter(), leave(), enter("epoch#2", 1), iteration(0, main=1), leave("break", 1))

    assert [(main.name, main.iterations) for main in found.mains] == [("epoch", 0), ("epoch#2", 1)]


def test_a_block_finds_its_checkpoint_whichever_comes_first() -> None:
    found = read(
        enter(), block(0, 0), checkpoint(0, 0), checkpoint(1, 0), block(1, 0), block(1, 1, loop="b")
    )

    blocks = found.mains[0].blocks
    first, second = blocks[(("epoch", 0),), "step"], blocks[(("epoch", 1),), "step"]
    assert first.checkpoint == CheckpointMark("checkpoints/0.0", True, False, (), 100)
    assert second.checkpoint == CheckpointMark("checkpoints/1.0", True, False, (), 100)
    assert blocks[(("epoch", 1),), "b"].checkpoint is None
    assert (first.iterations, first.how, first.skippable) == (4, "exhausted", True)


def test_a_block_has_the_checkpoints_from_its_middle() -> None:
    found = read(
        enter(),
        checkpoint(0, 0, role="step", step=2, file="a"),
        checkpoint(0, 0),
        block(0, 0),
        checkpoint(0, 0, role="step", step=3, file="b", complete=False),
    )

    only = found.mains[0].blocks[(("epoch", 0),), "step"]
    assert {step: mark.file for step, mark in only.steps.items()} == {2: "a", 3: "b"}
    assert only.checkpoint == CheckpointMark("checkpoints/0.0", True, False, (), 100)


def test_the_innermost_loops_are_those_without_another_inside() -> None:
    inside = [["epoch", 0], ["step", 1]]
    found = read(
        enter(),
        block(0, 1, position=inside, loop="part", ordinal=2),
        block(0, 0),
        block(0, 2, loop="other", ordinal=3),
    )

    assert found.mains[0].innermost == {("train.py", 2), ("train.py", 3)}


def test_a_block_outside_of_what_is_checkpointed() -> None:
    found = read(enter(), block(0, None))

    assert found.mains[0].blocks[(("epoch", 0),), "step"].checkpoint is None


def test_nested_loops_that_begin_are_no_main_loops() -> None:
    assert len(read(enter(), enter("step", role="nested")).mains) == 1


def test_what_is_missing_from_a_checkpoint() -> None:
    missing = [{"name": "loader.it", "reason": "an iterator"}]
    found = read(enter(), checkpoint(0, complete=False, workers=True, missing=missing))

    mark = found.mains[0].boundaries[0]
    assert (mark.complete, mark.workers, mark.missing) == (False, True, ("loader.it",))


def test_a_loop_without_a_place_in_the_sources() -> None:
    assert read(enter(path="", ordinal=None)).mains[0].path is None


def test_sources_loops_arguments_and_files() -> None:
    found = read(
        {"kind": "source", "path": "train.py", "digest": "d", "text": "x = 1"},
        {"kind": "loops", "path": "train.py", "loops": [{"ordinal": 0}, {"ordinal": 2}]},
        {"kind": "arg", "name": "lr", "value": 0.1, "source": "flor.arg"},
        {"kind": "arg", "name": "epochs", "value": 3, "source": "argparse"},
        {"kind": "files", "read": ["a"], "written": ["b"]},
        {"kind": "log", "rows": []},
        {"kind": "something newer"},
    )

    assert found.sources == {"train.py": "x = 1"}
    assert found.wrapped == {"train.py": frozenset({0, 2})}
    assert found.arguments == {"lr": 0.1}
    assert (found.read_files, found.written_files) == (["a"], ["b"])


def test_folders_to_import_from() -> None:
    named = RecordedProcess.read([process(paths=["src"])])

    assert named is not None
    assert named.import_paths == ["src"]
    assert read().import_paths == []


def test_dropped_checkpoints_are_nobodys_marks() -> None:
    at_end = checkpoint(0, role="block", block=0, file="end")
    at_step = checkpoint(0, role="step", block=0, step=2, file="step")
    found = read(
        enter(),
        checkpoint(0, file="first"),
        at_step,
        at_end,
        block(0),
        checkpoint(1, file="second"),
        *({"kind": "dropped", "file": file} for file in ("second", "end", "never heard of")),
    )

    main = found.mains[0]
    (held,) = main.blocks.values()
    assert [mark.file for mark in main.boundaries.values()] == ["first"]
    assert (held.checkpoint, [mark.file for mark in held.steps.values()]) == (None, ["step"])
    assert "second" in found.dropped


def test_ranks_go_on_from_where_all_of_them_can() -> None:
    def rank(*gone: str, **changes: Any) -> RecordedProcess:
        return read(
            enter(),
            checkpoint(0, file="first"),
            checkpoint(0, role="step", block=0, step=1, file="step 1"),
            checkpoint(0, role="step", block=0, step=2, file="step 2"),
            checkpoint(0, role="block", block=0, file="end"),
            block(0),
            checkpoint(1, file="second", **changes),
            checkpoint(2, file="third"),
            *({"kind": "dropped", "file": file} for file in gone),
        )

    one = rank("third")
    one.keep_in_step([rank("step 1"), rank("end", complete=False), read()])

    main = one.mains[0]
    (held,) = main.blocks.values()
    assert {index: mark.complete for index, mark in main.boundaries.items()} == {0: True, 1: False}
    assert {turn: mark.complete for turn, mark in held.steps.items()} == {1: False, 2: True}
    assert held.checkpoint is not None
    assert not held.checkpoint.complete
    alone = rank("end")
    alone.keep_in_step([])
    assert all(mark.complete for mark in alone.mains[0].boundaries.values())


def test_a_step_knows_the_loops_that_had_ended_before_it() -> None:
    step = {
        "kind": "step", "position": [["epoch", 1]], "main": 0, "index": 1, "block": 2, "loop": "b",
        "step": 7, "seconds": 4.0, "block_s": 3.0, "wrote": True, "drawn_from": "ab",
    }  # fmt: skip
    around, inside = [["epoch", 1]], [["epoch", 1], ["step", 0]]
    earlier = [block(0, 0, loop="old"), iteration(0)]
    before = [block(1, 1, loop="inner", position=inside), block(1, 0, position=around)]

    (main,) = read(enter(), *earlier, *before, step, block(1, 2, loop="b")).mains

    assert main.last_step is not None
    assert main.last_step.passed == ("step",)
    assert (main.last_step.turn, main.last_step.seconds, main.last_step.wrote) == (7, 4.0, True)
    assert read(enter(), *earlier, step, iteration(1)).mains[0].last_step is None
