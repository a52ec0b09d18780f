"""Errors carry what a person needs, and no two share a code."""

from __future__ import annotations

from florlib.ground.errors import CheckpointDamaged, FlorError, ScriptNotFound, UsageError


def subclasses(error: type[FlorError]) -> list[type[FlorError]]:
    return [error, *(found for child in error.__subclasses__() for found in subclasses(child))]


def test_an_error_carries_its_message_and_its_hint():
    error = CheckpointDamaged("tensor w is damaged", hint="flor store verify")

    assert (str(error), error.message, error.hint) == (
        "tensor w is damaged",
        "tensor w is damaged",
        "flor store verify",
    )


def test_a_hint_can_be_missing():
    assert FlorError("no loop trains").hint is None


def test_no_two_errors_share_a_code():
    codes = [error.code for error in subclasses(FlorError)]

    assert len(codes) == len(set(codes))


def test_a_script_that_is_not_there_is_a_usage_error():
    assert issubclass(ScriptNotFound, UsageError) and ScriptNotFound.exit_status == 2
