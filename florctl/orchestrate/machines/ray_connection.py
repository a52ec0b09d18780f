"""The connection to a Ray cluster that exists, by way of the process that talks to Ray for us."""

from __future__ import annotations

import importlib.util
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import IO, Any

from florlib.ground.errors import NoCluster, UsageError

ADDRESS = "RAY_ADDRESS"
LOOK = "ray status"
"""The command that shows how a cluster is."""
_HINT = "RAY_ADDRESS=HOST:PORT flor replay --on ray"
_CONNECT_S = 60.0
_REACH_S = 5.0
_END_S = 10.0
ROOT = str(Path(__file__).resolve().parents[3])
"""Where flor lies."""
# The folder in front, so that no module of the present folder stands in for one of Ray's or ours.
_AGENT = "import sys; sys.path[0] = {root!r}; from florctl.orchestrate.machines.ray_agent import main; main({fd})"


@dataclass(slots=True)
class RayConnection:
    """The other end is `ray_agent.Agent`, whose messages these are.

    Attributes:
        ended: results of workers by their numbers, as they come.
        gone: whether the other end has ended, as it does where the cluster does.
    """

    _talk: Connection
    _said: IO[bytes] | None = None
    ended: dict[int, dict[str, Any]] = field(default_factory=dict)
    gone: bool = False

    def send(self, *message: Any) -> None:
        """Tell it something.

        Raises:
            NoCluster: it has ended.
        """
        try:
            self._talk.send(message)
        except OSError as error:
            raise self._lost() from error

    def answer(self, word: str, seconds: float) -> Any:
        """Wait for the answer that begins with a word, for so many seconds.

        Raises:
            NoCluster: none came, or another end of it.
        """
        try:
            while self._talk.poll(seconds):
                message = self._talk.recv()
                if message[0] == "refused":
                    raise NoCluster(_first_sentence(message[1]), hint=_HINT)
                if message[0] == word:
                    return message[1]
                self._take(message)
        except (EOFError, OSError) as error:
            raise self._lost() from error
        raise NoCluster(f"the cluster did not answer within {seconds:.0f} s", hint=LOOK)

    def look(self, seconds: float = 0.0) -> None:
        """Take in what has come, or comes within so many seconds."""
        try:
            while not self.gone and self._talk.poll(seconds):
                self._take(self._talk.recv())
                seconds = 0.0
        except (EOFError, OSError):
            self.gone = True

    def _lost(self) -> NoCluster:
        """That the other end has ended, and what it said last."""
        self.gone = True
        if self._said is not None:
            self._said.seek(0)
            lines = self._said.read().decode(errors="replace").strip().splitlines()
            if lines:
                return NoCluster(f"the connection to Ray was lost ({lines[-1]})", hint=LOOK)
        return NoCluster("the connection to Ray was lost", hint=LOOK)

    def _take(self, message: Sequence[Any]) -> None:
        if message[0] == "ended":
            self.ended[message[1]] = message[2]


@contextmanager
def connection(environ: Mapping[str, str]) -> Iterator[tuple[RayConnection, list[dict[str, Any]]]]:
    """A connection, and the nodes of the cluster: at RAY_ADDRESS, else where Ray finds one here.

    None is started.

    Raises:
        UsageError: Ray is not installed.
        NoCluster: there is none.
    """
    if importlib.util.find_spec("ray") is None:
        raise UsageError("Ray is not installed", hint="pip install 'florctl[ray]'")
    address = environ.get(ADDRESS) or "auto"
    if address == "local":
        raise NoCluster(f"{ADDRESS}=local names no cluster", hint=_HINT)
    _reach(address)
    ours, theirs = socket.socketpair()
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            [sys.executable, "-c", _AGENT.format(root=ROOT, fd=theirs.fileno())],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=said,
            start_new_session=True,  # Ctrl-C is passed on, and does not come by itself
        )
        theirs.close()
        talk = Connection(ours.detach())
        try:
            made = RayConnection(talk, said)
            made.send("connect", address)
            yield made, made.answer("connected", _CONNECT_S)
        finally:
            talk.close()
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Wait for the agent, which ends as its connection is closed."""
    try:
        process.wait(timeout=_END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _reach(address: str) -> None:
    """See whether something listens at an address; Ray itself would try for two minutes.

    Raises:
        NoCluster: nothing does.
    """
    host, colon, port = address.rpartition("//")[2].rpartition(":")
    if not colon or not port.isdecimal():
        return
    try:
        socket.create_connection((host, int(port)), timeout=_REACH_S).close()
    except OSError as error:
        raise NoCluster(
            f"there is no Ray cluster at {address} ({error.strerror or error})", hint=_HINT
        ) from error


def _first_sentence(text: str) -> str:
    return text.partition(". ")[0].rstrip(".")
