"""Spools on a real server that speaks S3, over a line that fails: `make spool` installs it and runs these."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from florctl.cli.app import app
from florctl.orchestrate.keeping.bringing import bring_back
from florlib.ground.errors import SpoolNotFound, SpoolRefused, SpoolUnreachable
from florlib.ground.layout import RunLayout
from florlib.stores.spool import bucket, open_target
from florlib.stores.spooled import read_spooled
from tests.homes import Home
from tests.runner import FlorAt
from tests.spool import server as servers
from tests.spool.proxy import Proxy, proxy
from tests.spool.runs import add_run, contents, indices
from tests.spool.server import BUCKET, READER, Server, seaweedfs

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(servers.program() is None, reason="make spool installs the server"),
]

Flor = Callable[..., Any]
LARGE = 2_500_000  # of a checkpoint's repeated content: 20 MB, two chunks
ALL = [f"checkpoints/{index:06d}.000000.safetensors" for index in range(11)]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with seaweedfs(tmp_path_factory.mktemp("seaweedfs")) as one:
        yield one


@pytest.fixture
def line(server: Server) -> Iterator[Proxy]:
    with proxy(server.port) as one:
        yield one


@pytest.fixture
def flor(flor_home: Path, tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> Flor:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, text in server.environ().items():
        monkeypatch.setenv(name, text)
    return lambda *words: CliRunner().invoke(app, words)


@pytest.fixture
def home(flor_home: Path) -> Home:
    return Home(flor_home)


@pytest.fixture
def url(request: pytest.FixtureRequest) -> str:
    return f"s3://{BUCKET}/{request.node.name.replace('[', '-').rstrip(']')}"


def send(flor: Flor, url: str, endpoint: str, *words: str, status: int = 0) -> Any:
    done = flor("spool", "s3", url, "--endpoint-url", endpoint, *words, "--json")
    assert done.exit_code == status, (done.output, done.stderr)
    return json.loads(done.stdout)["runs"][0] if status in (0, 7) else done.stderr


def noise(layout: RunLayout, megabytes: int = 24) -> None:
    """Make a file of the run large, and no shorter by coding."""
    path = layout.interrupted / "1.journal.0.100.flor"
    path.parent.mkdir()
    path.write_bytes(os.urandom(megabytes << 20))


# ------------------------------------------------------------------ a line that is good


def test_sent_dropped_and_brought_back_byte_for_byte(
    flor: Flor, home: Home, server: Server, url: str
) -> None:
    layout = add_run(home, bytes_each=LARGE)
    before = contents(layout)

    first = send(flor, url, server.endpoint)
    again = send(flor, url, server.endpoint, "--keep-local", "none")

    assert (first["sent_objects"], again["sent_objects"]) == (2 + 10 * 2 + 1, 0)
    assert (again["dropped"], indices(layout)) == (11, [])
    told: list[Any] = []
    assert bring_back(layout, ALL, lambda *it: told.append(it)) == []
    assert contents(layout) == before
    assert told[0][0] == 11
    copy = read_spooled(layout.spool_file).copies[0]
    assert (copy.url, copy.endpoint_url) == (url, server.endpoint)


def test_two_at_once_come_to_one_whole_run(
    flor: Flor, home: Home, server: Server, url: str
) -> None:
    layout = add_run(home)
    endpoint = ("--endpoint-url", server.endpoint)
    words = [["--keep-local", "none"], ["--keep-local", "last:2"], [], ["--keep-local", "none"]]
    done: list[int] = []

    def one(more: list[str]) -> None:
        from florctl.orchestrate.answers.lookup import find_runs
        from florctl.orchestrate.keeping.spooling import SpoolRequest, spool
        from tests.homes import LATER

        keep = {"none": 0, "last:2": 2}.get(more[1]) if more else None
        request = SpoolRequest(home.path, open_target(url, server.endpoint), keep, now=LATER)
        done.append(
            len(spool(request, find_runs([], home.path, None), lambda sent: None).sent[0].problems)
        )

    flor("log", "list")
    threads = [threading.Thread(target=one, args=(more,)) for more in words]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert done == [0, 0, 0, 0]
    assert bring_back(layout, ALL, lambda *_: None) == []
    assert len(indices(layout)) == 11
    run = json.loads(flor("spool", "s3", url, *endpoint, "--json").stdout)["runs"][0]
    assert (run["files"], run["sent_objects"]) == (13, 0)


TRAIN = """\
import torch
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
net = torch.nn.Sequential(torch.nn.Linear(8, 64), torch.nn.Dropout(0.3), torch.nn.Linear(64, 1))
optimizer = torch.optim.AdamW(net.parameters(), lr=0.01)
loader = DataLoader(TensorDataset(torch.randn(64, 8)), batch_size=8, shuffle=True)
for epoch in range(6):
    for (batch,) in loader:
        optimizer.zero_grad()
        loss = ((net(batch) - batch.sum(1, keepdim=True)) ** 2).mean()
        loss.backward()
        optimizer.step()
    print("epoch", epoch, loss.item())
"""
LINE = "        optimizer.step()\n"
PROBED = TRAIN.replace(
    LINE, LINE + "        print(net[0].weight.norm().item(), net[0].weight.grad.norm().item())\n"
)


@pytest.mark.slow
def test_a_training_that_was_spooled_and_dropped_replays_bit_for_bit_in_another_home(
    forked_flor_at: FlorAt, server: Server, url: str, tmp_path: Path
) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    flor = forked_flor_at(folder)
    (folder / "train.py").write_text(TRAIN)
    recorded = flor("record", "--budget", "10000%", "train.py")
    words = ("spool", "s3", url, "--endpoint-url", server.endpoint, "--keep-local", "none")
    sent = flor(*words, **server.environ())
    (folder / "train.py").write_text(PROBED)
    home = {"FLOR_HOME": str(tmp_path / "another"), **server.environ()}

    fetched = flor("spool", "fetch", "--from", url, "--endpoint-url", server.endpoint, **home)
    replayed = flor("replay", "--json", **home)
    plain = flor("record", "--name", "plain", "train.py", FLOR_HOME=str(tmp_path / "plain"))

    for ran in (recorded, sent, fetched, replayed, plain):
        assert ran.returncode == 0, ran.stderr
    report = json.loads(replayed.stdout)
    assert report["status"] == "verified"
    assert f"from {url}" in replayed.stderr
    answers = json.loads(flor("log", "get", "@", "print", "--json", **home).stdout)
    assert [one["value"] for one in answers] == plain.stdout.splitlines()


# ------------------------------------------------------------------ a line that fails


def test_connections_that_are_cut_are_made_again(
    flor: Flor, home: Home, line: Proxy, url: str
) -> None:
    layout = add_run(home)
    noise(layout)
    line.cut_after, line.cuts = 1 << 20, 2

    run = send(flor, url, line.endpoint)

    assert (line.cuts, run["files"]) == (0, 14)
    assert line.passed > 25 << 20


def test_a_server_that_stumbles_is_asked_again(
    flor: Flor, home: Home, line: Proxy, url: str
) -> None:
    layout = add_run(home)
    line.errors = 3

    send(flor, url, line.endpoint, "--keep-local", "none")
    line.errors = 2
    problems = bring_back(layout, ALL, lambda *_: None)

    assert (line.errors, problems, len(indices(layout))) == (0, [], 11)


def test_slow_bodies_take_longer_and_nothing_else(
    flor: Flor, home: Home, line: Proxy, url: str
) -> None:
    layout = add_run(home)
    before = contents(layout)
    line.pause_s = 0.02

    send(flor, url, line.endpoint, "--keep-local", "none")
    bring_back(layout, ALL, lambda *_: None)

    assert contents(layout) == before


def test_a_line_that_stays_cut_is_told_and_the_rest_is_sent_later(
    flor: Flor, home: Home, server: Server, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bucket, "RETRIES", 1)
    layout = add_run(home)
    noise(layout, 48)
    with proxy(server.port) as line:
        line.cut_after, line.cuts = 8 << 20, 1000  # no whole chunk of the noise comes through
        stderr = send(flor, url, line.endpoint, status=1)
        sent = line.passed
    left = open_target(url, server.endpoint)
    there = {name: left.size(name) for name in left.names("objects/")}

    run = send(flor, url, server.endpoint, "--keep-local", "none")

    assert "does not answer" in stderr and "the connection was cut" in stderr
    assert "objects were sent; the same command goes on from there" in stderr
    assert not layout.spool_file.with_name("spool.json.tmp").exists()
    assert 0 < len(there) < run["there_objects"] + run["sent_objects"]
    assert run["there_objects"] == len(there)
    assert sent > 0
    assert (run["dropped"], indices(layout)) == (11, [])


def test_nothing_goes_while_the_line_is_cut(
    flor: Flor, home: Home, line: Proxy, server: Server, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bucket, "RETRIES", 1)
    layout = add_run(home, bytes_each=LARGE)
    send(flor, url, server.endpoint, "--no-compress")
    line.cut_after, line.cuts = 4 << 20, 1000

    send(flor, url, line.endpoint, "--no-compress", "--keep-local", "none", status=1)

    assert len(indices(layout)) == 11


def test_a_fetch_that_is_cut_leaves_nothing_and_goes_on_later(
    flor: Flor, home: Home, line: Proxy, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bucket, "RETRIES", 1)
    layout = add_run(home, bytes_each=LARGE)
    before = contents(layout)
    send(flor, url, line.endpoint, "--no-compress", "--keep-local", "none")
    line.cut_after, line.cuts = 4 << 20, 1000

    with pytest.raises(SpoolUnreachable, match="the connection was cut"):
        bring_back(layout, ALL, lambda *_: None)
    left = [path.name for path in layout.checkpoints.iterdir() if path.name.startswith(".")]
    line.cuts = 0

    assert left == []
    assert bring_back(layout, ALL, lambda *_: None) == []
    assert contents(layout) == before


# ------------------------------------------------------------------ what is wrong, in words


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        ({"AWS_SECRET_ACCESS_KEY": "other"}, SpoolRefused, "the secret key is not that of the key"),
        ({"AWS_ACCESS_KEY_ID": "other"}, SpoolRefused, "the key is not known"),
        ({"AWS_ACCESS_KEY_ID": READER}, SpoolRefused, "the key may not write in s3://"),
    ],
)
def test_keys_that_do_not_open(
    flor: Flor,
    home: Home,
    server: Server,
    url: str,
    monkeypatch: pytest.MonkeyPatch,
    changes: dict[str, str],
    error: type[Exception],
    said: str,
) -> None:
    add_run(home)
    for name, text in changes.items():
        monkeypatch.setenv(name, text)

    stderr = send(flor, url, server.endpoint, status=1)

    assert f"error: {said}" in stderr
    assert "hint: export AWS_ACCESS_KEY_ID=" in stderr


def test_no_bucket_and_no_service(flor: Flor, home: Home, server: Server) -> None:
    add_run(home)

    no_bucket = flor("spool", "s3", "s3://nowhere/x", "--endpoint-url", server.endpoint)
    no_service = flor("spool", "s3", f"s3://{BUCKET}/x", "--endpoint-url", "http://127.0.0.1:9")

    assert no_bucket.exit_code == SpoolNotFound.exit_status
    assert f"error: there is no bucket nowhere at {server.endpoint}" in no_bucket.stderr
    assert "hint: aws s3 mb s3://nowhere" in no_bucket.stderr
    assert no_service.exit_code == SpoolUnreachable.exit_status
    assert "the connection is refused" in no_service.stderr


def test_a_deleted_and_a_changed_object_are_told(
    flor: Flor, home: Home, server: Server, url: str
) -> None:
    import obstore

    layout = add_run(home)
    send(flor, url, server.endpoint, "--keep-local", "none")
    target = open_target(url, server.endpoint)
    spooled = read_spooled(layout.spool_file)
    gone, changed = (spooled.file(ALL[index]) for index in (2, 3))
    assert gone is not None and changed is not None
    obstore.delete(target._store, gone.chunks[0].object)  # type: ignore[attr-defined]
    target.put(changed.chunks[0].object, b"x" * changed.chunks[0].stored_bytes)

    problems = bring_back(layout, ALL, lambda *_: None)
    state = flor("state", "linear", "--at", "epoch=3")

    assert len(problems) == 2
    assert indices(layout) == [index for index in range(11) if index not in (2, 3)]
    assert state.exit_code == 5
