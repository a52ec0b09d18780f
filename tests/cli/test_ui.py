"""`flor ui`: a page for this machine alone, which loads nothing from elsewhere and changes nothing."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest
from typer.testing import CliRunner

from florctl.cli.app import app
from tests.homes import Home
from tests.pages import populate

needs_extra = pytest.mark.skipif(
    not all(map(find_spec, ("datasette", "plotly", "uvicorn"))), reason="make ui installs it"
)
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@dataclass
class Page:
    """A running `flor ui`."""

    process: subprocess.Popen[str]
    address: str

    def get(
        self, path: str, *, host: str | None = None, method: str = "GET"
    ) -> tuple[int, dict[str, str], str]:
        connection = http.client.HTTPConnection(self.address.split("/")[2], timeout=30)
        connection.request(method, path, headers={"Host": host} if host else {})
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        headers = {name.lower(): value for name, value in answer.getheaders()}
        return answer.status, headers, text


def started(home: Path, *words: str) -> Page:
    process = subprocess.Popen(
        [sys.executable, "-m", "florctl", "ui", "--no-open", *words],
        env={**os.environ, "FLOR_HOME": str(home), "HOME": str(home.parent)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    return Page(process, process.stdout.readline().strip())


def ended(page: Page, how: int = signal.SIGINT) -> int:
    page.process.send_signal(how)
    try:
        page.process.communicate(timeout=30)
    except subprocess.TimeoutExpired:
        page.process.kill()
        page.process.communicate()
        raise
    return page.process.returncode


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = Home(tmp_path_factory.mktemp("ui") / ".flor")
    populate(home)
    return home


@pytest.fixture(scope="module")
def page(home: Home) -> Iterator[Page]:
    page = started(home.path)
    yield page
    if page.process.poll() is None:
        ended(page)


@needs_extra
@pytest.mark.process
def test_the_page_and_its_answers_are_served(page: Page) -> None:
    status, _, text = page.get("/")
    runs = json.loads(page.get("/answers/runs.json")[2])["runs"]
    asked = f"/answers/curves.json?run={runs[0]['run']}&name=accuracy"

    assert status == 200 and "/page/page.js" in text
    assert page.address.startswith("http://127.0.0.1:")
    assert len(json.loads(page.get(asked)[2])["curves"][0]["steps"]) == 17
    assert len(page.get("/page/plotly.min.js")[2]) > 1_000_000
    assert json.loads(page.get("/catalog/all_runs.json?_shape=array")[2])[0]["run"] == "mnist@5"
    assert page.get("/page/../setup.cfg")[0] == page.get("/page/no.js")[0] == 404


@needs_extra
@pytest.mark.process
@pytest.mark.parametrize("path", ["/", "/page/page.css", "/catalog", "/catalog/runs", "/-/plugins"])
def test_nothing_refers_to_elsewhere(page: Page, path: str) -> None:
    status, headers, text = page.get(path)

    addresses = set(re.findall(r"https?://[^\s\"'<>]+", text)) - {"http://www.w3.org/2000/svg"}
    assert status == 200
    assert [one for one in addresses if not one.startswith(page.address)] == []
    assert headers["content-security-policy"].startswith("default-src 'self';")


@needs_extra
@pytest.mark.process
def test_other_hosts_and_writing_are_refused(page: Page) -> None:
    port = page.address.split(":")[2].strip("/")

    assert page.get("/", host="evil.example")[0] == 403
    assert page.get("/answers/runs.json", host=f"evil.example:{port}")[0] == 403
    assert page.get("/", host=f"localhost:{port}")[0] == 200
    assert page.get("/catalog", method="POST")[0] == 405
    status, _, text = page.get("/catalog.json?sql=delete+from+run")
    assert status == 400 and "SELECT" in text


@needs_extra
@pytest.mark.process
def test_a_run_that_begins_meanwhile_appears(home: Home, page: Page) -> None:
    before = json.loads(page.get("/answers/runs.json")[2])

    home.run("ee0001", name="later", minutes_ago=1, records=[])
    limit = time.monotonic() + 30
    while not (answer := json.loads(page.get(f"/answers/runs.json?seen={before['stamp']}")[2])).get(
        "runs"
    ):
        assert time.monotonic() < limit
        time.sleep(0.1)

    assert {run["label"] for run in answer["runs"]} >= {"later@1", "mnist@5"}


@needs_extra
@pytest.mark.process
def test_it_ends_with_ctrl_c_and_a_port_that_is_taken_is_told(home: Home, page: Page) -> None:
    port = page.address.split(":")[2].strip("/")

    second = started(home.path, "--port", port)
    _, said = second.process.communicate(timeout=60)

    assert second.process.returncode == 1
    assert said.startswith(f"error: port {port} cannot be listened at")
    assert ended(page) == 130


@needs_extra
@pytest.mark.process
@pytest.mark.skipif(
    not (CHROMIUM and os.environ.get("UI_PICTURES")), reason="make ui does, where Chromium is there"
)
@pytest.mark.parametrize(
    ("name", "words", "dark"),
    [("light", "#", False), ("dark", "#axis=turn&log=true&smooth=0.9", True), ("empty", "", False)],
)
def test_a_browser_draws_it(tmp_path: Path, name: str, words: str, dark: bool) -> None:
    if words:
        populate(Home(tmp_path / ".flor"))
    page = started(tmp_path / ".flor")
    pictures = Path(os.environ["UI_PICTURES"]).resolve()
    pictures.mkdir(exist_ok=True)
    picture = pictures / f"ui-{name}.png"
    options = [
        *("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"),
        *("--virtual-time-budget=15000", "--enable-logging=stderr", "--window-size=1400,1500"),
        f"--blink-settings=preferredColorScheme={0 if dark else 1}",
        f"--user-data-dir={tmp_path / 'profile'}",
    ]
    try:
        for what in ("--dump-dom", f"--screenshot={picture}"):
            shown = subprocess.run(
                [str(CHROMIUM), *options, what, page.address + words],
                capture_output=True,
                text=True,
                timeout=120,
                check=True,
            )
            assert "CONSOLE" not in shown.stderr, shown.stderr
            if what == "--dump-dom":
                assert 'data-ready="all"' in shown.stdout
                assert shown.stdout.count("<figure ") == (4 if words else 0)
    finally:
        ended(page)
    assert picture.stat().st_size > 10_000


def test_a_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("florctl.orchestrate.page.server.find_spec", lambda name: None)

    result = CliRunner().invoke(app, ["ui"])

    assert result.exit_code == 2
    assert result.stderr.splitlines()[-1] == "hint: pip install 'florctl[ui]'"
