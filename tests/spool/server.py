"""A real S3-compatible server for tests, on loopback: SeaweedFS, with its telemetry off."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

KEY, SECRET, BUCKET = "flor-key", "flor-secret", "runs"
READER = "flor-reader"
"""A key that may read and not write."""
_PORTS = ("master.port", "volume.port", "filer.port", "s3.port")
_STARTING_S, _ENDING_S = 60.0, 2.0


@dataclass(frozen=True, slots=True)
class Server:
    """A running server.

    Attributes:
        port: of S3.
    """

    port: int

    @property
    def endpoint(self) -> str:
        """For --endpoint-url."""
        return f"http://127.0.0.1:{self.port}"

    def environ(self, key: str = KEY) -> dict[str, str]:
        """The variables by which clients are let in."""
        return {
            "AWS_ACCESS_KEY_ID": key,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": "us-east-1",
        }


def program() -> str | None:
    """The server's program, where it is installed."""
    beside = Path(sys.executable).with_name("weed")
    return str(beside) if beside.exists() else shutil.which("weed")


@contextmanager
def seaweedfs(folder: Path) -> Iterator[Server]:
    """Have a server, with one bucket, that keeps what it is given in a folder."""
    weed = program()
    assert weed is not None, "make spool installs it"
    rights = {"key": KEY, "reader": READER}
    identities = [
        {
            "name": name,
            "credentials": [{"accessKey": rights[name], "secretKey": SECRET}],
            "actions": ["Admin", "Read", "Write", "List"] if name == "key" else ["Read", "List"],
        }
        for name in rights
    ]
    config = folder / "s3.json"
    config.write_text(json.dumps({"identities": identities}))
    (folder / "data").mkdir()
    ports = _free_ports(2 * len(_PORTS))
    words = [weed, "server", f"-dir={folder / 'data'}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"]
    words += ["-master.telemetry=false", "-master.volumeSizeLimitMB=1024", "-volume.max=50"]
    words += [
        f"-filer.localSocket={folder / 'filer.sock'}",
    ]
    words += ["-s3", f"-s3.config={config}", "-s3.autoCreateBucket=false"]
    for option, port, inner in zip(_PORTS, ports[::2], ports[1::2], strict=True):
        words += [f"-{option}={port}", f"-{option}.grpc={inner}"]
    environ = {name: text for name, text in os.environ.items() if not name.startswith("AWS_")}
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(words, stdout=log, stderr=log, env=environ, cwd=folder)
    server = Server(ports[2 * _PORTS.index("s3.port")])
    try:
        _wait_for(server, process)
        yield server
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):  # it takes SIGTERM, and goes on
            process.wait(_ENDING_S)
        process.kill()
        process.wait()


def _wait_for(server: Server, process: subprocess.Popen[bytes]) -> None:
    import obstore
    from obstore.exceptions import BaseError
    from obstore.store import S3Store

    ends = time.monotonic() + _STARTING_S
    while True:
        try:
            _make_bucket(server)
            store = S3Store(
                BUCKET,
                endpoint=server.endpoint,
                access_key_id=KEY,
                secret_access_key=SECRET,
                region="us-east-1",
                client_options={"allow_http": True},
                retry_config={"max_retries": 0},
            )
            obstore.put(store, "ready", b"1")
            obstore.delete(store, "ready")
            return
        except (BaseError, OSError) as error:
            if process.poll() is not None or time.monotonic() > ends:
                raise RuntimeError("the server does not come up") from error
            time.sleep(0.2)


def _make_bucket(server: Server) -> None:
    """PUT the bucket, signed as S3 wants it; the client under test has no words for that."""
    import datetime
    import hashlib
    import hmac
    import http.client

    now = datetime.datetime.now(datetime.timezone.utc)
    day, moment = f"{now:%Y%m%d}", f"{now:%Y%m%dT%H%M%SZ}"
    host, empty = f"127.0.0.1:{server.port}", hashlib.sha256(b"").hexdigest()
    signed = "host;x-amz-content-sha256;x-amz-date"
    head = f"host:{host}\nx-amz-content-sha256:{empty}\nx-amz-date:{moment}\n"
    request = f"PUT\n/{BUCKET}\n\n{head}\n{signed}\n{empty}"
    scope = f"{day}/us-east-1/s3/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    key = f"AWS4{SECRET}".encode()
    for part in (day, "us-east-1", "s3", "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    mark = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    words = f"AWS4-HMAC-SHA256 Credential={KEY}/{scope}, SignedHeaders={signed}, Signature={mark}"
    headers = {"Authorization": words, "x-amz-content-sha256": empty, "x-amz-date": moment}
    with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)) as asked:
        asked.request("PUT", f"/{BUCKET}", headers=headers)
        answer = asked.getresponse()
        answer.read()
    if answer.status not in (200, 409):
        raise OSError(f"no bucket: {answer.status}")


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        found = []
        for _ in range(count):
            one = stack.enter_context(socket.socket())
            one.bind(("127.0.0.1", 0))
            found.append(one.getsockname()[1])
        return found
