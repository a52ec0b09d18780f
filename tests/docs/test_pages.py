"""The documents and the program name the same things."""

from __future__ import annotations

import importlib
import pkgutil
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

import florctl
import florlib
from florlib.ground.errors import FlorError

ROOT = Path(florlib.__file__).parent.parent


def tracked(*patterns: str) -> list[str]:
    """Files that git tracks or would, relative to the root."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *patterns],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return sorted(name for name in listed.stdout.split("\0") if (ROOT / name).is_file())


def error_classes() -> list[type[FlorError]]:
    """Every class of error that flor can show, wherever it is defined."""
    for package in (florlib, florctl):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith("__main__"):
                try:
                    importlib.import_module(module.name)
                except ModuleNotFoundError as error:  # a module for where a package is there
                    assert error.name == "IPython"
    found, below = [], [FlorError]
    while below:
        found.append(below.pop())
        below += found[-1].__subclasses__()
    return sorted(set(found), key=lambda error: error.__name__)


def commands() -> Iterator[str]:
    """Every command as a person types it: `flor`, `flor log`, `flor log show`, …"""
    from florctl.cli.app import app

    below: list[tuple[str, Any]] = [("flor", typer.main.get_command(app))]
    while below:
        words, command = below.pop()
        yield words
        # The root loads its commands when they are asked for, so they are listed by name.
        children = command.list_commands(None) if hasattr(command, "list_commands") else []
        below += [(f"{words} {name}", command.get_command(None, name)) for name in children]


def headings(page: str) -> set[str]:
    text = (ROOT / page).read_text(encoding="utf-8")
    return {line.lstrip("#").strip(" `") for line in text.splitlines() if line.startswith("#")}


def test_every_error_code_has_a_heading():
    codes = {error.code for error in error_classes()}

    assert codes - headings("docs/errors.md") == set()


def test_every_heading_of_an_error_is_a_code():
    codes = {error.code for error in error_classes()}

    sections = {name for name in headings("docs/errors.md") if re.fullmatch(r"[a-z-]+", name)}
    assert sections - codes == set()


def test_every_error_page_names_the_exit_status_of_its_code():
    text = (ROOT / "docs/errors.md").read_text(encoding="utf-8")

    sections = dict(re.findall(r"^## `?([a-z-]+)`?\n\n(.*)$", text, flags=re.MULTILINE))
    wrong = [
        error.code
        for error in error_classes()
        if f"Exit status {error.exit_status}." not in sections.get(error.code, "")
    ]
    assert wrong == []


def test_every_command_is_on_the_page_of_commands():
    page = (ROOT / "docs/cli.md").read_text(encoding="utf-8")

    assert [words for words in commands() if f"Usage: {words} " not in page] == []


@pytest.mark.parametrize("page", tracked("*.md"))
def test_every_relative_link_leads_somewhere(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    targets = re.findall(r"\]\(([^)\s]+)\)", re.sub(r"```.*?```", "", text, flags=re.DOTALL))

    broken = [
        target
        for target in targets
        if not re.match(r"[a-z]+:|#", target)
        and not (ROOT / page).parent.joinpath(target.partition("#")[0]).exists()
    ]
    assert broken == []


# A path of one person's machine: it reads as an example and works for nobody else.
MACHINE_PATH = re.compile(r"(?<![\w~.}>$)/])/(?:work|tmp|root)/[\w.]+")
# Known to any reader as made up.
EXAMPLES = re.compile(r"/tmp/(?:flor|example|demo)\b")


@pytest.mark.parametrize("name", tracked())
def test_no_file_names_a_path_of_one_machine(name):
    try:
        text = (ROOT / name).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        pytest.skip("not text")

    assert [p for p in MACHINE_PATH.findall(text) if not EXAMPLES.match(p)] == []
