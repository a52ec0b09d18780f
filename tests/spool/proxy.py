"""A TCP proxy of the tests' own, on loopback, that does to a server's traffic what networks do."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

_PIECE = 16 << 10
_ERROR = (
    b"HTTP/1.1 500 Internal Server Error\r\nContent-Type: application/xml\r\n"
    b"Content-Length: 71\r\nConnection: close\r\n\r\n"
    b"<?xml version='1.0'?><Error><Code>InternalError</Code></Error>         \n"
)


@dataclass(slots=True)
class Proxy:
    """Passes connections on to a server, and faults in between.

    Attributes:
        port: that clients connect to.
        cut_after: bytes of a request or an answer behind which a connection is cut; None for never.
        cuts: how many connections are cut like this before the line is good again.
        errors: how many requests are answered with status 500 before the server is asked.
        pause_s: before each piece of a body is passed on.
        connections: that were made.
        passed: bytes that clients sent.
    """

    port: int
    server: int
    cut_after: int | None = None
    cuts: int = 0
    errors: int = 0
    pause_s: float = 0.0
    connections: int = 0
    passed: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def endpoint(self) -> str:
        """For --endpoint-url."""
        return f"http://127.0.0.1:{self.port}"

    def serve(self, listening: socket.socket) -> None:
        """Take connections until the socket is closed."""
        while True:
            try:
                client, _ = listening.accept()
            except OSError:
                return
            with self._lock:
                self.connections += 1
            threading.Thread(target=self._pass, args=(client,), daemon=True).start()

    def _pass(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            if self._take("errors"):
                self._answer_with_an_error(client)
                return
            with socket.create_connection(("127.0.0.1", self.server)) as server:
                back = threading.Thread(target=self._pump, args=(server, client), daemon=True)
                back.start()
                self._pump(client, server, counted=True)
                back.join()

    def _answer_with_an_error(self, client: socket.socket) -> None:
        client.settimeout(0.3)
        with contextlib.suppress(TimeoutError):
            while client.recv(_PIECE):
                pass
        client.sendall(_ERROR)

    def _pump(self, source: socket.socket, sink: socket.socket, *, counted: bool = False) -> None:
        done = 0
        with contextlib.suppress(OSError):
            while data := source.recv(_PIECE):
                done += len(data)
                if counted:
                    with self._lock:
                        self.passed += len(data)
                if self.cut_after is not None and done > self.cut_after and self._take("cuts"):
                    break
                time.sleep(self.pause_s)
                sink.sendall(data)
        for one in (source, sink):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _take(self, what: str) -> bool:
        """Whether one of so many faults is left, which is then used up."""
        with self._lock:
            left = getattr(self, what)
            setattr(self, what, max(0, left - 1))
            return bool(left)


@contextmanager
def proxy(server: int) -> Iterator[Proxy]:
    """Have a proxy in front of a port of this machine."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(64)
        one = Proxy(listening.getsockname()[1], server)
        thread = threading.Thread(target=one.serve, args=(listening,), daemon=True)
        thread.start()
        yield one
        listening.shutdown(socket.SHUT_RDWR)
