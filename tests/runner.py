"""Running `flor` as a person does: a real child process, and what it printed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class FlorRunner:
    """Called with the words that a person types after `flor`, in the folder where they type them.

    Attributes:
        environment: variables to set for all calls.
        within: words before all, such as those that enter a network namespace.
    """

    cwd: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    within: tuple[str, ...] = ()

    def __call__(
        self,
        *words: str,
        cwd: Path | None = None,
        stdin: str = "",
        timeout_s: float = 120,
        **environment: str,
    ) -> subprocess.CompletedProcess[str]:
        """Run `flor WORDS…` to its end; the exit status is the test's to judge.

        Args:
            words: what stands after `flor`.
            cwd: another folder to run in.
            stdin: text for standard input.
            timeout_s: how long to wait before the child is killed [s].
            environment: variables to set for this call alone.

        Raises:
            subprocess.TimeoutExpired: the child did not end in time.
        """
        return subprocess.run(
            [*self.within, sys.executable, "-m", "florctl", *words],
            cwd=cwd or self.cwd,
            env={**os.environ, **self.environment, **environment},
            input=stdin,
            timeout=timeout_s,
            capture_output=True,
            text=True,
            check=False,
        )


FlorAt = Callable[[Path], FlorRunner]
"""Makes the command line that is typed in a folder."""
