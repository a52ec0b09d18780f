"""Serving the page: on a port of this machine's loopback address, until Ctrl-C."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from florlib.ground.errors import FlorError, UsageError
from florlib.ground.layout import HomeLayout

ADDRESS = "127.0.0.1"
NEEDED = ("datasette", "plotly", "uvicorn")
_LEAVE_S = 2
"""How long an answer that is under way may take once Ctrl-C came."""


class PortTaken(FlorError):
    """Another program listens where the page was to be."""

    code, exit_status = "port-taken", 1


def check_installed() -> None:
    """See that the page can be served.

    Raises:
        UsageError: a package is not installed.
    """
    for name in NEEDED:
        if find_spec(name) is None:
            hint = "pip install 'florctl[ui]'"
            raise UsageError(f"the page needs {name}, which is not installed", hint=hint)


@contextmanager
def listening(port: int) -> Iterator[tuple[socket.socket, str]]:
    """A socket and its URL; port 0 stands for any that is free.

    Raises:
        PortTaken: somebody else has it.
    """
    try:
        listener = socket.create_server((ADDRESS, port))
    except OSError as error:
        raise PortTaken(
            f"port {port} cannot be listened at ({error.strerror})", hint="flor ui"
        ) from error
    with listener:
        yield listener, f"http://{ADDRESS}:{listener.getsockname()[1]}/"


def serve(
    listener: socket.socket, home: Path, asked: Sequence[str], harvest: Callable[[], None]
) -> None:
    """Answer requests until the process is interrupted.

    Args:
        listener: bound to the loopback address.
        home: FLOR_HOME.
        asked: ids of the runs that the page is to begin with.
        harvest: brings the catalog up to date.

    Raises:
        KeyboardInterrupt: when it was.
    """
    import uvicorn

    from florctl.orchestrate.page.answers import Answers
    from florctl.orchestrate.page.site import Site, datasette_app

    port = listener.getsockname()[1]
    hosts = frozenset(f"{name}:{port}" for name in (ADDRESS, "localhost"))
    tables = datasette_app(HomeLayout(home).catalog)
    site = Site(Answers(home, asked), tables, hosts, harvest)
    config = uvicorn.Config(
        site,
        log_level="warning",
        access_log=False,
        ws="none",
        server_header=False,
        timeout_graceful_shutdown=_LEAVE_S,
    )
    uvicorn.Server(config).run(sockets=[listener])
