"""What a training script sees: `import flor`, or `from flor import MTK as Flor`.

Everything passes through when no run is being recorded or replayed. Recording needs none of it:
`flor record train.py` works on a script that never mentions flor.
"""

from __future__ import annotations

from flor._calls import (
    MTK,
    arg,
    checkpointing,
    checkpoints,
    commit,
    histogram,
    iteration,
    log,
    loop,
    probe,
)
from flor._reading import dataframe, query, runs
from flor._words import enter

__all__ = [
    "MTK",
    "arg",
    "checkpointing",
    "checkpoints",
    "commit",
    "dataframe",
    "histogram",
    "iteration",
    "log",
    "loop",
    "probe",
    "query",
    "runs",
]

enter()
