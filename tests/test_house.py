"""The house itself: what is shipped, and the rules of it that no tool holds."""

from __future__ import annotations

import ast
import configparser
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import florlib

ROOT = Path(florlib.__file__).parent.parent
PACKAGES = ("flor", "florlib", "florctl")


def settings() -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string((ROOT / "setup.cfg").read_text(encoding="utf-8"))
    return parser


def sources() -> list[Path]:
    return sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def requirements(section: str, option: str) -> list[tuple[str, str]]:
    """Pairs of a requirement and the comment above it ('' where there is none)."""
    # configparser drops comment lines, so they are read from the text, section by section.
    text = (ROOT / "setup.cfg").read_text(encoding="utf-8").split(f"[{section}]")[1].split("\n[")[0]
    found, comment = [], ""
    for line in text.split(f"\n{option} =")[1].splitlines()[1:]:
        if not line.startswith(" "):
            break
        if line.strip().startswith("#"):
            comment += line.strip(" #")
        else:
            found.append((line.strip(), comment))
            comment = ""
    return found


def test_each_dependency_has_a_floor_and_a_reason():
    needed = requirements("options", "install_requires")

    assert len(needed) == len(settings()["options"]["install_requires"].split("\n")) - 1
    assert [name for name, reason in needed if ">=" not in name or not reason] == []


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_the_first_sentence_of_a_file_says_what_lives_there(path):
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))

    assert docstring and docstring.splitlines()[0].endswith((".", ":"))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> list[str]:
    """Names of the files in a wheel built from what git would commit, and from nothing else."""
    tree, out = tmp_path_factory.mktemp("tree"), tmp_path_factory.mktemp("wheel")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in listed.stdout.split("\0"):
        if (ROOT / name).is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            (tree / name).write_bytes((ROOT / name).read_bytes())
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    offline = ["--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "wheel", *offline, "--wheel-dir", out, tree], check=True)
    (built,) = out.glob("*.whl")
    with zipfile.ZipFile(built) as archive:
        return archive.namelist()


@pytest.mark.process
def test_the_wheel_holds_every_source_file_and_nothing_else(wheel):
    shipped = {name for name in wheel if ".dist-info/" not in name}

    expected = {str(path.relative_to(ROOT)) for path in sources()}
    expected |= {f"{package}/py.typed" for package in PACKAGES}
    page = [path for path in (ROOT / "florctl/page").rglob("*") if path.is_file()]
    expected |= {str(path.relative_to(ROOT)) for path in page}
    assert shipped == expected


@pytest.mark.process
def test_the_wheel_holds_the_hook_that_python_imports_by_name(wheel):
    assert "florlib/_site/sitecustomize.py" in wheel


@pytest.mark.process
def test_the_wheel_tells_its_licence(wheel):
    assert any(name.endswith("licenses/LICENSE") for name in wheel)
