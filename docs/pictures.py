"""The pictures in docs/pictures of tables and plots: three small trainings, really recorded and asked.

`make pictures` draws them anew.
"""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import sys
import tempfile
import termios
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = """\
import argparse

import flor
import torch
from torch import nn

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.1)
lr = parser.parse_args().lr

torch.manual_seed(0)
inputs = torch.randn(1280, 20)
labels = (inputs[:, :10].sum(1) * inputs[:, 10:].sum(1) > 0).long()
net = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 2))
optimizer = torch.optim.SGD(net.parameters(), lr=lr, momentum=0.9)
for epoch in range(12):
    for step, batch in enumerate(torch.randperm(1280).split(64)):
        loss = nn.functional.cross_entropy(net(inputs[batch]), labels[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        flor.log("loss", loss.item())
    flor.log("acc", (net(inputs).argmax(1) == labels).float().mean().item())
"""
RATES = ("0.3", "0.1", "0.01")
COLUMNS = 96
SHOWN = {
    "log-list": [
        "log",
        "list",
        "--columns",
        "lr,loss,acc",
        "--best",
        "max:acc",
        "--sort",
        "max:acc",
        "--reverse",
    ],
    "log-plot": ["log", "plot", "@~2,@~1,@", "loss", "--smooth", "0.9"],
}
# rich's own frame names fonts on another machine: a picture here loads nothing.
FRAME = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{
  font-family: "DejaVu Sans Mono", Menlo, Consolas, monospace;
  font-size: {char_height}px;
  line-height: {line_height}px;
}}
.{unique_id}-title {{ font-size: 18px; font-weight: bold; font-family: sans-serif; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" />
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def main() -> None:
    """Record, ask, and draw what was shown."""
    out = ROOT / "docs" / "pictures"
    out.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "project"
        folder.mkdir()
        (folder / "train.py").write_text(SCRIPT, encoding="utf-8")
        subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
        for rate in RATES:
            typed(folder, ["record", "train.py", "--lr", rate])
        for picture, words in SHOWN.items():
            draw(out / f"{picture}.svg", words, typed(folder, words))
        typed(folder, [*SHOWN["log-plot"], "acc", "--png", str(out / "log-plot.png")])


def typed(folder: Path, words: list[str]) -> str:
    """What `flor WORDS...` shows on a terminal with colours."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("FLOR_")}
    home = {"HOME": str(folder.parent), "FLOR_HOME": str(folder.parent / ".flor")}
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, COLUMNS, 0, 0))
    with os.fdopen(ours, "rb", buffering=0) as terminal:
        child = subprocess.Popen(
            [sys.executable, "-m", "florctl", *words],
            cwd=folder,
            env={**kept, **home, "TERM": "xterm-256color", "PYTHONPATH": str(ROOT)},
            stdout=theirs,
        )
        os.close(theirs)
        shown = b""
        with suppress(OSError):  # how Linux tells that nobody writes any more
            while piece := terminal.read(4096):
                shown += piece
        if child.wait():
            raise SystemExit(f"flor {' '.join(words)} ended with status {child.returncode}")
    return shown.decode()


def draw(path: Path, words: list[str], shown: str) -> None:
    """Draw a command and what it showed."""
    from rich.console import Console
    from rich.text import Text

    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        console = Console(record=True, width=COLUMNS, file=nowhere, force_terminal=True)
        console.print(Text(f"$ flor {' '.join(words)}", style="bold"))
        for line in shown.splitlines():
            text = Text.from_ansi(line)
            text.truncate(COLUMNS)
            console.print(text, no_wrap=True, crop=True)
        svg = console.export_svg(title="flor", code_format=FRAME, unique_id=path.stem)
    path.write_text("\n".join(line.rstrip() for line in svg.splitlines()) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
