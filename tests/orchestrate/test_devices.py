"""What `--gpus` and `--workers` choose, with an nvidia-smi of the test's own on PATH."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from florctl.orchestrate.devices import chosen_devices, visible_devices
from florlib.ground.errors import UsageError

LISTED = "\n".join(f"{n}, GPU-{n}{n}{n}{n}-aaaa" for n in range(4))


@pytest.fixture
def driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Puts an nvidia-smi on PATH that runs a shell text; there is none before."""
    monkeypatch.setenv("PATH", str(tmp_path))

    def answering(text: str) -> None:
        program = tmp_path / "nvidia-smi"
        program.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
        program.chmod(0o755)

    return answering


def four(driver: Callable[[str], None]) -> None:
    driver(f"echo '{LISTED}'")


def test_so_many_devices(driver: Callable[[str], None]) -> None:
    four(driver)

    assert chosen_devices("2", None, {}).places == ("0", "1")
    assert chosen_devices("4", None, {}).places == ("0", "1", "2", "3")


def test_these_devices(driver: Callable[[str], None]) -> None:
    four(driver)

    assert chosen_devices("0,2", None, {}).places == ("0", "2")


def test_all_devices(driver: Callable[[str], None]) -> None:
    four(driver)

    assert chosen_devices("auto", None, {}).places == ("0", "1", "2", "3")


def test_devices_that_are_visible_already_are_all_there_are(
    driver: Callable[[str], None],
) -> None:
    four(driver)
    environ = {"CUDA_VISIBLE_DEVICES": "3,GPU-1111"}

    assert chosen_devices("auto", None, environ).places == ("3", "GPU-1111")
    assert chosen_devices("0,1", None, environ).places == ("3", "GPU-1111")
    with pytest.raises(UsageError, match="there are 2") as told:
        chosen_devices("3", None, environ)
    assert told.value.hint == "flor replay --gpus 2"


@pytest.mark.parametrize(("visible", "found"), [("", []), ("-1", []), ("1,7,2", ["1"])])
def test_cuda_takes_no_notice_of_what_follows_a_number_that_there_is_not(
    driver: Callable[[str], None], visible: str, found: list[str]
) -> None:
    four(driver)

    assert visible_devices({"CUDA_VISIBLE_DEVICES": visible}) == found


def test_workers_share_the_devices(driver: Callable[[str], None]) -> None:
    four(driver)

    assert chosen_devices("2", 4, {}).places == ("0", "1", "0", "1")


def test_without_either_one_worker_runs_as_it_is(driver: Callable[[str], None]) -> None:
    assert chosen_devices(None, None, {}).places == (None,)
    assert chosen_devices(None, 3, {}).places == (None, None, None)


@pytest.mark.parametrize("asked", ["4", "auto", "0,2"])
@pytest.mark.parametrize("answer", [None, "exit 9", "echo 'No devices were found'"])
def test_a_machine_without_devices_says_so(
    driver: Callable[[str], None], asked: str, answer: str | None
) -> None:
    if answer is not None:
        driver(answer)

    with pytest.raises(UsageError, match=r"has no(ne| CUDA device)") as told:
        chosen_devices(asked, None, {})

    assert told.value.hint in ("flor replay --workers 4", "flor replay --workers 2")


@pytest.mark.parametrize("asked", ["0,9", "x", "", "0,,1", "-1"])
def test_devices_that_there_are_not(driver: Callable[[str], None], asked: str) -> None:
    four(driver)

    with pytest.raises(UsageError, match="no CUDA device") as told:
        chosen_devices(asked, None, {})

    assert told.value.hint == "flor replay --gpus 0,1,2,3"


def test_none_is_no_number_of_devices(driver: Callable[[str], None]) -> None:
    four(driver)

    with pytest.raises(UsageError, match="there are 4"):
        chosen_devices("0", None, {})
