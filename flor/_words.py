"""The words `--flor NAME` and `--replay_flor [I/N]` on a script's own command line.

They are taken off sys.argv when the script imports flor, before its parser sees them.
"""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass

from flor._active import runtime

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_PART = re.compile(r"(\d+)/(\d+)")
_KEYED = re.compile(r"(pid|ngpus):(\d+)")


@dataclass(frozen=True, slots=True)
class Words:
    """What the command line asks of flor.

    Attributes:
        rest: the command line without flor's words.
        record: whether the run is to be recorded.
        name: of the run; None to use the last one of this script, or the script's own.
        replay: whether the newest run of the name is to be replayed.
        part: (i, n), counted from 1, of the iterations to replay.
    """

    rest: tuple[str, ...]
    record: bool = False
    name: str | None = None
    replay: bool = False
    part: tuple[int, int] | None = None


def read_words(argv: list[str]) -> Words:
    """Find flor's words.

    `3/5` is the third of five parts; in the keyed form `pid:2 ngpus:5` the parts count from 0.

    >>> read_words(["train.py", "--flor", "linear", "--lr", "1"])
    Words(rest=('train.py', '--lr', '1'), record=True, name='linear', replay=False, part=None)
    >>> read_words(["train.py", "--replay_flor", "pid:9", "ngpus:200"]).part
    (10, 200)

    Raises:
        ValueError: a part is none.
    """
    rest: list[str] = []
    record = replay = False
    name: str | None = None
    part = None
    n = 0
    while n < len(argv):
        word, equals, given = argv[n].partition("=")
        n += 1
        if word == "--flor":
            record = True
            if equals:
                name = given or None
            elif n < len(argv) and _names_a_run(argv[n]):
                name, n = argv[n], n + 1
        elif word == "--replay_flor":
            replay = True
            part, n = _read_part([given] if given else argv[n:], n, bool(given))
        else:
            rest.append(argv[n - 1])
    return Words(tuple(rest), record, name, replay, part)


def _names_a_run(word: str) -> bool:
    return bool(_NAME.fullmatch(word)) and not os.path.isfile(word)


def _read_part(words: list[str], at: int, given: bool) -> tuple[tuple[int, int] | None, int]:
    taken = 0 if given else 1
    plain = _PART.fullmatch(words[0]) if words else None
    if plain is not None:
        return _checked(int(plain[1]), int(plain[2])), at + taken
    keys: dict[str, int] = {}
    for word in words[:2]:
        keyed = _KEYED.fullmatch(word)
        if keyed is None:
            break
        keys[keyed[1]] = int(keyed[2])
    if set(keys) == {"pid", "ngpus"}:
        return _checked(keys["pid"] + 1, keys["ngpus"]), at + 2
    if keys:
        raise ValueError("pid:I and ngpus:N go together")
    return None, at


def _checked(number: int, parts: int) -> tuple[int, int]:
    if not 1 <= number <= parts:
        raise ValueError(f"there is no part {number} of {parts}")
    return number, parts


def enter() -> None:
    """Act on flor's words, once, as the script imports flor."""
    if not any(word.startswith(("--flor", "--replay_flor")) for word in sys.argv[1:]):
        return
    try:
        words = read_words(sys.argv)
    except ValueError as error:
        sys.stderr.write(f"error: {error}\nhint: python {sys.argv[0]} --replay_flor 3/5\n")
        raise SystemExit(2) from None
    if runtime() is not None or os.environ.get("FLOR_LAUNCH"):
        sys.argv[:] = words.rest
        return
    main = sys.modules["__main__"]
    if getattr(main, "__file__", None) is None or not (words.record or words.replay):
        return
    original = list(sys.argv)
    sys.argv[:] = words.rest
    if words.replay:
        _replay(words)
    else:
        from flor._inside import record_here

        record_here(words, original)


def _replay(words: Words) -> None:
    """Become `flor replay` of the newest run of the name; nothing of the script's own has run."""
    from flor._inside import last_name

    name = words.name or last_name(os.path.abspath(words.rest[0]))
    command = [sys.executable, "-m", "florctl", "replay", name or "@", "--in-place"]
    if words.part is not None:
        command += ["--part", f"{words.part[0]}/{words.part[1]}"]
    sys.stdout.flush()
    os.execv(sys.executable, command)
