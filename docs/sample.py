"""The README's worked example: cog has it really run, and what differs each time is masked.

Its numbers are sums and products of powers of two, so that every machine prints the same.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = """\
import torch
from torch.utils.data import DataLoader

torch.manual_seed(0)
weight = torch.zeros(1, requires_grad=True)
optimizer = torch.optim.SGD([weight], lr=0.25)
loader = DataLoader(torch.arange(8.0), batch_size=4, shuffle=True)

for epoch in range(3):
    for batch in loader:
        loss = (batch - weight).pow(2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print("epoch", epoch, "loss", loss.item())
"""
WEIGHT = ("        optimizer.step()\n", '    print("weight", weight.item())\n')
GRADIENT = ("        loss.backward()\n", '        print("gradient", weight.grad.item())\n')
MASKS = (
    (r"\d{8}-\d{6}-[0-9a-f]{6}", "20261123-221000-ab12cd"),
    (r"replay [0-9a-f]{6}\b", "replay 9f3e01"),
    (r"overhead [\d.]+%( \([\d.]+ m?s\))?", "overhead …"),
    (r"[\d.]+ (B|[KM]iB)$", "…"),
    (r"[\d.]+ s$", "… s"),
)
PROGRESS = re.compile(r"flor: \d+%, ")  # told where a replay takes long, as on a busy machine


def script() -> str:
    """The script as it is recorded."""
    return SCRIPT


def sessions() -> list[str]:
    """What is typed and shown: the recording, a probe of each epoch, a probe of one epoch's steps."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "project"
        folder.mkdir()
        text = SCRIPT
        _write(folder, text)
        subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
        shown = ["".join(_typed(folder, "record", "train.py"))]
        for (anchor, line), words in ((WEIGHT, []), (GRADIENT, ["--epochs", "2"])):
            text = text.replace(anchor, anchor + line)
            _write(folder, text)
            shown.append("".join(_typed(folder, "replay", *words)))
        return shown


def _typed(folder: Path, *words: str) -> Iterator[str]:
    kept = {name: text for name, text in os.environ.items() if not name.startswith("FLOR_")}
    home = folder.parent
    done = subprocess.run(
        [sys.executable, "-m", "florctl", *words],
        cwd=folder,
        env={
            **kept,
            "HOME": str(home),
            "FLOR_HOME": str(home / ".flor"),
            "PYTHONPATH": str(ROOT),
            # On a busy machine too, every boundary gets its checkpoint.
            "FLOR_BUDGET": "10000%",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
    )
    yield f"$ flor {' '.join(words)}\n"
    for line in done.stdout.splitlines():
        if not PROGRESS.match(line):
            yield _masked(line) + "\n"


def _masked(line: str) -> str:
    for pattern, mask in MASKS:
        line = re.sub(pattern, mask, line)
    return line


def _write(folder: Path, text: str) -> None:
    (folder / "train.py").write_text(text, encoding="utf-8")
