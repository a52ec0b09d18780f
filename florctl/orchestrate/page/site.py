"""The site: our page and its answers, with datasette's tables and SQL below it; only for reading."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from http import HTTPStatus
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from florctl.orchestrate.page.answers import Answers, Parameters

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Answer = Callable[[Parameters], dict[str, Any]]

HARVEST_S = 1.0
"""Between two looks at the files of runs, however many pages ask."""
CHARTS = "plotly.min.js"
_PAGE = files("florctl") / "page"
_KINDS = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
# Whatever a page names, nothing is loaded from anywhere else, nor shown within another page.
_POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; script-src 'self'{inline};"
    " style-src 'self' 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)


@dataclass(slots=True)
class Site:
    """An ASGI application (asgi.readthedocs.io).

    Attributes:
        answers: of our page.
        tables: datasette.
        hosts: what a request may call us; a page of elsewhere that had its name lead here does not.
        harvest: brings the catalog up to date.
    """

    answers: Answers
    tables: App
    hosts: frozenset[str]
    harvest: Callable[[], None]
    _harvested_at: float = float("-inf")
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self.tables(scope, receive, send)
            return
        headers = {
            name.decode("latin-1"): text.decode("latin-1") for name, text in scope["headers"]
        }
        path = scope["path"]
        if headers.get("host") not in self.hosts:
            await _say(send, HTTPStatus.FORBIDDEN, "this page is for this machine alone\n")
        elif scope["method"] not in ("GET", "HEAD"):
            await _say(send, HTTPStatus.METHOD_NOT_ALLOWED, "this page is for reading alone\n")
        elif path in self._answers():
            await self._answer(path, scope, send)
        elif path == "/" or path.startswith("/page/"):
            await _file(path.removeprefix("/page/").strip("/") or "index.html", send)
        else:
            await self._look()
            await self.tables(scope, receive, _with_policy(send))

    def _answers(self) -> Mapping[str, Answer]:
        return {
            "/answers/runs.json": self.answers.runs,
            "/answers/names.json": self.answers.names,
            "/answers/curves.json": self.answers.curves,
            "/answers/comparison.json": self.answers.comparison,
        }

    async def _answer(self, path: str, scope: Scope, send: Send) -> None:
        await self._look()
        parameters = parse_qs(scope["query_string"].decode("latin-1"))
        content = await asyncio.to_thread(self._answers()[path], parameters)
        await _send(send, HTTPStatus.OK, "application/json", json.dumps(content).encode())

    async def _look(self) -> None:
        """Bring the catalog up to date, unless that was done just now."""
        async with self._lock:
            if time.monotonic() - self._harvested_at >= HARVEST_S:
                await asyncio.to_thread(self.harvest)
                self._harvested_at = time.monotonic()


def datasette_app(catalog: Path) -> App:
    """datasette over the catalog, with our questions and without a link that leads away."""
    # Plugins that somebody installed for other ends might write, publish or call home.
    import os

    os.environ["DATASETTE_LOAD_PLUGINS"] = ""
    from datasette.app import Datasette

    from florctl.orchestrate.page.queries import metadata

    made = Datasette(
        files=[str(catalog)],
        metadata=metadata(),
        template_dir=str(_PAGE / "templates"),
        settings={
            "sql_time_limit_ms": 10_000,
            "default_cache_ttl": 0,
            "suggest_facets": False,
            "num_sql_threads": 2,
        },
    )
    app: App = made.app()
    return app


async def _file(name: str, send: Send) -> None:
    """A file of the page; the charts' library is that of the installed package."""
    found = _PAGE / name
    if name == CHARTS:
        found = files("plotly") / "package_data" / CHARTS
    kind = _KINDS.get(Path(name).suffix)
    if "/" in name or kind is None or not found.is_file():
        await _say(send, HTTPStatus.NOT_FOUND, f"there is no {name}\n")
        return
    content = await asyncio.to_thread(found.read_bytes)
    await _send(send, HTTPStatus.OK, kind, content)


async def _say(send: Send, status: HTTPStatus, text: str) -> None:
    await _send(send, status, "text/plain", text.encode())


async def _send(send: Send, status: HTTPStatus, kind: str, body: bytes) -> None:
    headers = [
        (b"content-type", f"{kind}; charset=utf-8".encode()),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
        (b"content-security-policy", _POLICY.format(inline="").encode()),
    ]
    await send({"type": "http.response.start", "status": int(status), "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _with_policy(send: Send) -> Send:
    """Have datasette's pages, whose scripts stand in them, load nothing from outside either."""
    policy = (b"content-security-policy", _POLICY.format(inline=" 'unsafe-inline'").encode())

    async def sent(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", []), policy]}
        await send(message)

    return sent
