"""Which earlier files a checkpoint refers to: the first, the latest, and one that was promoted."""

from __future__ import annotations

from florlib.stores.keyframes import Keyframes


class Files:
    """Checkpoints as far as `Keyframes` sees them: contents, named by one letter each, of 100 bytes."""

    def __init__(self) -> None:
        self.gone: set[str] = set()
        self.keyframes = Keyframes(exists=lambda file: file not in self.gone)

    def publish(self, file: str, letters: str) -> dict[str, str]:
        """The files that hold each content, as far as others do."""
        keys = {(letter, 100) for letter in letters}
        found = self.keyframes.refer(keys)
        assert found.keys() <= keys
        self.keyframes.published({key: (file, key[0]) for key in keys if key not in found})
        return {digest: place[0] for (digest, _), place in found.items()}


def test_the_first_file_is_referred_to_for_however_little():
    files = Files()

    assert files.publish("1", "abcdefgh") == {}
    assert files.publish("2", "aBCDEFGH") == {"a": "1"}
    assert files.publish("3", "aijklmno") == {"a": "1"}


def test_the_end_of_a_nested_loop_and_the_boundary_behind_it():
    files = Files()
    files.publish("0", "xy")

    assert files.publish("1.end", "abcx") == {"x": "0"}
    assert files.publish("1", "abcy") == {"a": "1.end", "b": "1.end", "c": "1.end", "y": "0"}
    assert files.publish("2.end", "defx") == {"x": "0"}
    assert files.publish("2", "defy") == {"d": "2.end", "e": "2.end", "f": "2.end", "y": "0"}


def test_little_in_common_with_the_latest_ties_no_files_together():
    files = Files()
    files.publish("0", "xy")
    files.publish("1", "abcd")

    assert files.publish("2", "aBCD") == {}


def test_what_is_frozen_after_a_while_is_written_once_more():
    files = Files()
    files.publish("0", "abcd")
    files.publish("1", "ABCe")

    found = [files.publish(str(n), f"ABC{letter}") for n, letter in enumerate("fghi", start=2)]

    assert found == [{"A": "1", "B": "1", "C": "1"}] * 4


def test_a_promoted_file_that_was_dropped_is_not_referred_to():
    files = Files()
    files.publish("0", "abcd")
    files.publish("1", "ABCe")
    files.publish("2", "ABCf")
    files.gone.add("1")

    assert files.publish("3", "ABCg") == {}
    assert ("A", 100) in files.keyframes.contents
    assert files.publish("4", "ABCh") == {"A": "3", "B": "3", "C": "3"}


def test_a_promoted_file_stays_as_long_as_much_of_it_is_found():
    files = Files()
    files.publish("0", "x")
    files.publish("1.end", "ABCdef")
    files.publish("1", "ABCdef")

    assert files.publish("2.end", "ABCghi") == dict.fromkeys("ABC", "1.end")
    assert files.publish("2", "ABCghi") == dict.fromkeys("ABC", "1.end") | dict.fromkeys(
        "ghi", "2.end"
    )
    assert files.publish("3.end", "ABCjkl") == dict.fromkeys("ABC", "1.end")
