"""What a run computes with beside its code: Python, packages, processor, devices, variables."""

from __future__ import annotations

import os
import platform
import random
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

HASH_SEED = "PYTHONHASHSEED"
# Variables that change what a training run computes; a replay has those of the run.
_COMPUTING = (
    "ATEN_CPU_CAPABILITY",
    "CUBLAS_WORKSPACE_CONFIG",
    "KMP_BLOCKTIME",
    "MKL_CBWR",
    "MKL_NUM_THREADS",
    "NVIDIA_TF32_OVERRIDE",
    "OMP_NUM_THREADS",
    "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE",
    HASH_SEED,
)
# Variables that say where a process runs, and which one of several it is.
_PLACING = ("CUDA_VISIBLE_DEVICES", "LOCAL_RANK", "RANK", "WORLD_SIZE")
_ENDING = ".dist-info"
_OF_RESULTS = ("torch", "numpy")  # whose versions change results, and which stand by themselves
_ASKED_S = 10.0  # a driver that does not answer within it tells of no device
_NAMED = 5  # of many packages, so many by name


def present_environment() -> dict[str, Any]:
    """The environment of this process, as run.json has it; without devices, which take a while."""
    variables = {name: os.environ[name] for name in (*_COMPUTING, *_PLACING) if name in os.environ}
    # Sets of text are gone through in an order that this seed decides: a replay needs the same.
    if not variables.get(HASH_SEED, "random").isdigit():
        variables[HASH_SEED] = str(random.SystemRandom().randrange(1, 1 << 32))
    packages = installed_packages()
    return {
        "python": platform.python_version(),
        "executable": sys.executable,
        "platform": platform.platform(),
        "hostname": platform.node(),
        "processor": processor(),
        "cores": os.cpu_count(),
        **{name: packages[name] for name in _OF_RESULTS if name in packages},
        "packages": packages,
        "variables": variables,
    }


def installed_packages() -> dict[str, str]:
    """Version of each installed distribution, by the names of their folders alone."""
    found: dict[str, str] = {}
    for folder in sys.path:
        with suppress(OSError):
            for name in os.listdir(folder or os.curdir):
                if name.endswith(_ENDING):
                    package, _, version = name.removesuffix(_ENDING).partition("-")
                    found.setdefault(package.lower().replace("_", "-"), version)
    return dict(sorted(found.items()))


def processor() -> str:
    """The model of the processor, which decides what its libraries compute with."""
    with suppress(OSError):
        for line in (
            Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        ):
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                return value.strip()
    return platform.processor()


def devices() -> list[str]:
    """Names of the CUDA devices, as nvidia-smi tells; asked without torch."""
    command = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
    try:
        told = subprocess.run(command, capture_output=True, text=True, timeout=_ASKED_S, check=True)
    except (OSError, subprocess.SubprocessError):
        return []
    return [line.strip() for line in told.stdout.splitlines() if line.strip()]


def replay_variables(environ: Mapping[str, str], recorded: Mapping[str, Any]) -> dict[str, str]:
    """The variables of a replay: those of this process, where the run had no others that count.

    Args:
        environ: of this process.
        recorded: the environment of the run.
    """
    variables = recorded.get("variables", {})
    found = {name: value for name, value in environ.items() if name not in _COMPUTING}
    return found | {name: variables[name] for name in _COMPUTING if name in variables}


def differences(recorded: Mapping[str, Any], present: Mapping[str, Any]) -> list[str]:
    """What of a run's environment is another now, a line each; what was not recorded does not count.

    >>> differences({"python": "3.11.7", "torch": "2.4.0"}, {"python": "3.12.1", "torch": "2.4.0"})
    ['Python was 3.11.7 and is 3.12.1']
    """
    told = []
    named = {"python": "Python", "processor": "the processor"}
    for key in ("python", *_OF_RESULTS, "processor"):
        then, now = recorded.get(key), present.get(key)
        if then and then != now:
            told.append(f"{named.get(key, key)} was {then} and is {now or 'not there'}")
    gone = _missing_devices(recorded.get("devices", []), present.get("devices", []))
    if gone:
        told.append(f"the run had {gone}, which this machine has not")
    packages = _other_packages(recorded.get("packages", {}), present.get("packages", {}))
    if packages:
        listed = ", ".join(packages[:_NAMED]) + (
            f" and {len(packages) - _NAMED} more" if len(packages) > _NAMED else ""
        )
        told.append(f"packages are others: {listed}")
    return told


def _missing_devices(recorded: list[str], present: list[str]) -> str:
    gone = [name for name in dict.fromkeys(recorded) if name not in present]
    return ", ".join(gone)


def _other_packages(recorded: Mapping[str, str], present: Mapping[str, str]) -> list[str]:
    """`name 1.2 (now 1.3)` of each that is another or gone; new ones were not used."""
    return [
        f"{name} {version} (now {present.get(name, 'gone')})"
        for name, version in recorded.items()
        if name not in _OF_RESULTS and present.get(name) != version
    ]
