"""What the workers of a replay run on: CUDA devices, one each, or this machine's processors."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass

from florlib.ground.errors import UsageError

VISIBLE = "CUDA_VISIBLE_DEVICES"
_LISTING_S = 30.0  # a driver that does not answer within it is none


@dataclass(frozen=True, slots=True)
class Devices:
    """Where each worker runs.

    Attributes:
        places: by worker, what its CUDA_VISIBLE_DEVICES says; None leaves that as it is.
    """

    places: tuple[str | None, ...] = (None,)

    def __len__(self) -> int:
        return len(self.places)


def chosen_devices(gpus: str | None, workers: int | None, environ: Mapping[str, str]) -> Devices:
    """What `--gpus` and `--workers` ask for; one worker as it is where both are left out.

    Args:
        gpus: "4" for so many, "0,2" for these, or "auto" for all.
        workers: how many; they share the devices evenly where both are given.
        environ: of this process; its CUDA_VISIBLE_DEVICES says which devices may be used.

    Raises:
        UsageError: there are no such devices.
    """
    if gpus is None:
        return Devices((None,) * (workers or 1))
    found = visible_devices(environ)
    asked = gpus.strip()
    if asked == "auto":
        chosen = found
    elif asked.isdecimal():
        chosen = _first(found, int(asked))
    else:
        chosen = _named(found, asked)
    if not chosen:
        raise UsageError("this machine has no CUDA device", hint="flor replay --workers 2")
    count = workers or len(chosen)
    return Devices(tuple(chosen[number % len(chosen)] for number in range(count)))


def _first(found: list[str], count: int) -> list[str]:
    if not found:
        raise UsageError(
            f"{count} CUDA {_devices(count)} asked for, and this machine has none",
            hint=f"flor replay --workers {max(count, 1)}",
        )
    if not 0 < count <= len(found):
        raise UsageError(
            f"{count} CUDA {_devices(count)} asked for, and there {_are(len(found))}",
            hint=f"flor replay --gpus {len(found)}",
        )
    return found[:count]


def _named(found: list[str], text: str) -> list[str]:
    """Devices by their numbers among those that may be used, or by their names."""
    chosen = []
    for word in text.split(","):
        name = word.strip()
        if name.isdecimal() and int(name) < len(found):
            chosen.append(found[int(name)])
        elif name in found:
            chosen.append(name)
        elif not found:
            raise UsageError("this machine has no CUDA device", hint="flor replay --workers 2")
        else:
            raise UsageError(
                f"there is no CUDA device {name!r}: there {_are(len(found))}, from 0",
                hint=f"flor replay --gpus {','.join(map(str, range(len(found))))}",
            )
    return list(dict.fromkeys(chosen))


def _devices(count: int) -> str:
    return "device was" if count == 1 else "devices were"


def _are(count: int) -> str:
    return "is 1" if count == 1 else f"are {count}"


def visible_devices(environ: Mapping[str, str]) -> list[str]:
    """The CUDA devices that may be used, as CUDA_VISIBLE_DEVICES names them; asked without torch.

    Numbers and UUIDs stay as they stand in CUDA_VISIBLE_DEVICES where that is set; CUDA itself
    takes no notice of what follows a number that there is not.
    """
    present = _listed_by_driver()
    visible = environ.get(VISIBLE)
    if visible is None:
        return [number for number, _ in present]
    known = {number for number, _ in present}
    names = [name for _, name in present]
    found: list[str] = []
    for word in visible.split(","):
        one = word.strip()
        if one not in known and not (one and any(name.startswith(one) for name in names)):
            break
        found.append(one)
    return found


def _listed_by_driver() -> list[tuple[str, str]]:
    """(number, UUID) of each device, as nvidia-smi tells; nothing where that is not there."""
    command = ["nvidia-smi", "--query-gpu=index,uuid", "--format=csv,noheader"]
    try:
        told = subprocess.run(
            command, capture_output=True, text=True, timeout=_LISTING_S, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return []
    rows = [line.split(",") for line in told.stdout.splitlines() if "," in line]
    return [(row[0].strip(), row[1].strip()) for row in rows]
