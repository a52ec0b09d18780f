"""Claims: a piece of work is taken once, whoever asks and however many at a time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from florlib.stores.claims import Claims


def test_a_piece_is_taken_once_and_tells_by_whom(tmp_path: Path) -> None:
    claims = Claims(tmp_path)

    assert claims.take("part.0", 3)
    assert not claims.take("part.0", 4)

    assert claims.taken() == {"part.0": 3}


def test_a_piece_that_is_given_back_can_be_taken_again(tmp_path: Path) -> None:
    claims = Claims(tmp_path)
    claims.take("part.0", 3)

    claims.give_back("part.0")

    assert claims.taken() == {}
    assert claims.take("part.0", 4)


def test_of_many_who_ask_at_once_one_has_each_piece(tmp_path: Path) -> None:
    claims, names = Claims(tmp_path), [f"part.{n}" for n in range(50)]

    def take_all(worker: int) -> set[str]:
        return {name for name in names if claims.take(name, worker)}

    with ThreadPoolExecutor(8) as pool:
        shares = list(pool.map(take_all, range(8)))

    assert sorted(name for share in shares for name in share) == sorted(names)
    assert claims.taken() == {name: worker for worker, share in enumerate(shares) for name in share}


def test_a_folder_that_is_not_there_is_no_free_piece(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Claims(tmp_path / "gone").take("part.0", 0)
