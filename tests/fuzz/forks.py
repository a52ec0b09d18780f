"""Commands of a project that run as forks of a zygote, behind the same face as real ones."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from tests.exactness.harness import FLOR, REPOSITORY, TIME_LIMIT_S, Project, Ran
from tests.runner import FlorRunner

Kind = Literal["commands", "scripts"]


class Zygote:
    """A process that others are forked from (zygote.py), asked over its standard streams.

    Attributes:
        kind: whether what `flor` starts is a fork as well.
    """

    def __init__(self, process: subprocess.Popen[bytes], kind: Kind) -> None:
        self.kind = kind
        self._process = process

    def takes(self, words: Sequence[str]) -> bool:
        """Whether such a process can be a fork of this one."""
        is_flor = tuple(words[:3]) == FLOR
        return is_flor or (words[0] == sys.executable and self.kind == "scripts")

    def run(
        self,
        words: Sequence[str],
        environ: dict[str, str],
        cwd: Path,
        streams: Path,
        limit_s: float = TIME_LIMIT_S,
    ) -> int:
        """Run `python WORDS` in a fork, its output in files of the folder; returns its status.

        Raises:
            subprocess.TimeoutExpired: it did not end in time.
        """
        wanted = {
            "words": [sys.executable, *words],
            "environ": environ,
            "cwd": str(cwd),
            "stdin": os.devnull,
            "stdout": str(streams / "stdout"),
            "stderr": str(streams / "stderr"),
        }
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(wanted).encode() + b"\n")
        self._process.stdin.flush()
        child = self._answer(TIME_LIMIT_S)["pid"]
        try:
            return int(self._answer(limit_s)["status"])
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(child, signal.SIGKILL)
            self._answer(TIME_LIMIT_S)
            raise

    def _answer(self, limit_s: float) -> dict[str, Any]:
        stream = self._process.stdout
        assert stream is not None
        if not select.select([stream], [], [], limit_s)[0]:
            raise subprocess.TimeoutExpired("a fork", limit_s)
        answer: dict[str, Any] = json.loads(stream.readline())
        return answer


@contextmanager
def zygote(kind: Kind) -> Iterator[Zygote]:
    """A zygote, from its start to its end."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FLOR_")}
    environ = kept | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(REPOSITORY)}
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.fuzz.zygote", kind],
        cwd=REPOSITORY,
        env=environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        bufsize=0,
    )
    try:
        yield Zygote(process, kind)
    finally:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.close()
        process.wait()
        process.stdout.close()


@dataclass(frozen=True, slots=True)
class ForkedProject(Project):
    """A project whose commands are forks where a zygote is there that takes them."""

    zygote: Zygote | None = field(default=None, kw_only=True)

    def run(
        self, *words: str, environment: dict[str, str] | None = None, stdin: bytes = b""
    ) -> Ran:
        """Run a command in the project to its end."""
        if self.zygote is None or stdin or not self.zygote.takes(words):
            return Project.run(self, *words, environment=environment, stdin=stdin)
        given = environment or self.environment(REPOSITORY)
        status = self.zygote.run(words[1:], given, self.folder, self.root)
        stdout = (self.root / "stdout").read_bytes()
        return Ran(status, stdout, (self.root / "stderr").read_text("utf-8", "replace"))


@dataclass(frozen=True, slots=True)
class ForkedRunner(FlorRunner):
    """The command line, as forks of a zygote, with what it prints in files of a folder."""

    zygote: Zygote = field(kw_only=True)
    streams: Path = field(kw_only=True)

    def __call__(
        self,
        *words: str,
        cwd: Path | None = None,
        stdin: str = "",
        timeout_s: float = TIME_LIMIT_S,
        **environment: str,
    ) -> subprocess.CompletedProcess[str]:
        """Run `flor WORDS…` to its end; a real process where it is to read something."""
        if stdin:
            return FlorRunner.__call__(
                self, *words, cwd=cwd, stdin=stdin, timeout_s=timeout_s, **environment
            )
        environ = {**os.environ, **self.environment, **environment}
        command = [*FLOR, *words]
        status = self.zygote.run(command[1:], environ, cwd or self.cwd, self.streams, timeout_s)
        said = ((self.streams / name).read_text("utf-8") for name in ("stdout", "stderr"))
        return subprocess.CompletedProcess(command, status, *said)


__all__ = ["FLOR", "ForkedProject", "ForkedRunner", "Zygote", "zygote"]
