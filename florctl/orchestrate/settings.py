"""Settings: FLOR_* variables over the project's files over the user's file over the defaults."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from florctl.orchestrate.folders import home_of, project_of, user_home
from florlib.ground.errors import UsageError
from florlib.ground.meant import meant

DEFAULT_BUDGET_SHARE = 0.01
NO_LIMIT = 1 << 62
"""Bytes that nobody has: what `none` stands for where a limit is given."""

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(?:([kmgt]?)(i?b|))", re.IGNORECASE)
_SWITCH = {"1": True, "true": True, "yes": True, "on": True}
_SWITCH |= {"0": False, "false": False, "no": False, "off": False}


class Settings(NamedTuple):
    """What holds where a command was not told otherwise.

    Attributes:
        home: FLOR_HOME, where runs are kept.
        project: the folder that the present directory belongs to (`project_of`).
        name: name of new runs, or None for one made from the script's.
        budget_share: share of training time that recording may cost, 0.01 is 1 %.
        version: whether a run's working tree is saved.
        loop: "FILE:LINE" of the main loop.
        run_bytes: that the checkpoints of one run may take; None for what the disk suggests.
        home_bytes: that those of all runs together may take.
        spool: where `flor spool` sends to and fetches from; a URL or a path.
        warnings: one line each on settings that could not be read.
    """

    home: Path
    project: Path
    name: str | None = None
    budget_share: float = DEFAULT_BUDGET_SHARE
    version: bool = True
    loop: str | None = None
    run_bytes: int | None = None
    home_bytes: int = NO_LIMIT
    spool: str | None = None
    warnings: tuple[str, ...] = ()

    @classmethod
    def load(cls, environ: Mapping[str, str], cwd: Path) -> Settings:
        """Gather the settings in force.

        Read, the later over the earlier: ~/.config/flor/config.toml, [flor] in setup.cfg or
        [tool.flor] in pyproject.toml of the project, FLOR_NAME, FLOR_BUDGET, FLOR_VERSION,
        FLOR_LOOP, FLOR_CKPT_MAX, FLOR_CKPT_MAX_HOME, FLOR_SPOOL.

        Raises:
            UsageError: a setting is unknown or has a value that cannot be.
        """
        project = project_of(cwd)
        warnings: list[str] = []
        settings = cls(home=home_of(environ), project=project)
        for file, section in _files(environ, project):
            settings = settings._overlaid(_section(file, section, warnings), str(file))
        variables = {key: f"FLOR_{key.upper().replace('-', '_')}" for key in _READERS}
        given = {key: environ[name] for key, name in variables.items() if name in environ}
        settings = settings._overlaid(given, "the environment")
        return settings._replace(warnings=tuple(warnings))

    def _overlaid(self, given: Mapping[str, Any], source: str) -> Settings:
        changes: dict[str, Any] = {}
        for key, value in given.items():
            if key not in _READERS:
                near = meant(key, _READERS, cutoff=0.6) or list(_READERS)
                raise UsageError(
                    f"{source} has an unknown flor setting {key!r}", hint=f"use {', '.join(near)}"
                )
            attribute, read = _READERS[key]
            try:
                changes[attribute] = read(value)
            except ValueError as error:
                raise UsageError(f"{key} = {value!r} in {source}: {error}") from error
        return self._replace(**changes)


def budget_share(text: str | float) -> float:
    """Read a budget: "1%" or 0.01.

    Raises:
        ValueError: it is no share, or negative.
    """
    words = str(text).strip()
    try:
        share = float(words[:-1]) / 100 if words.endswith("%") else float(words)
    except ValueError:
        share = -1.0
    if not 0 <= share < float("inf"):
        raise ValueError("a budget is a share of training time such as 1% or 0.01")
    return share


def byte_count(text: str | int) -> int:
    """Read a limit: "20GB", "1.5 GiB", "800M", a number of bytes, or "none" for NO_LIMIT.

    Units with an i, and single letters, are powers of 1024; the others of 1000.

    Raises:
        ValueError: it is no size.
    """
    words = str(text).strip()
    if words.lower() == "none":
        return NO_LIMIT
    found = _SIZE.fullmatch(words)
    if found is None:
        raise ValueError("a limit is a size such as 20GB or 500MiB, or none")
    number, letter, rest = found[1], found[2].upper(), found[3].lower()
    base = 1000 if rest == "b" else 1024
    return min(int(float(number) * base ** (" KMGT".index(letter) if letter else 0)), NO_LIMIT)


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("not a text")
    return value


def _switch(value: object) -> bool:
    try:
        return _SWITCH[str(value).strip().lower()]
    except KeyError:
        raise ValueError("say true or false") from None


_READERS: dict[str, tuple[str, Any]] = {
    "name": ("name", _text),
    "budget": ("budget_share", budget_share),
    "version": ("version", _switch),
    "loop": ("loop", _text),
    "ckpt-max": ("run_bytes", byte_count),
    "ckpt-max-home": ("home_bytes", byte_count),
    "spool": ("spool", _text),
}


def _files(environ: Mapping[str, str], project: Path) -> list[tuple[Path, tuple[str, ...]]]:
    base = environ.get("XDG_CONFIG_HOME")
    config = Path(base) if base else user_home(environ) / ".config"
    return [
        (config / "flor" / "config.toml", ()),
        (project / "setup.cfg", ("flor",)),
        (project / "pyproject.toml", ("tool", "flor")),
    ]


def _section(file: Path, section: tuple[str, ...], warnings: list[str]) -> Mapping[str, Any]:
    """The settings in one file; none where it does not exist or cannot be read."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        if not isinstance(error, (FileNotFoundError, NotADirectoryError)):
            warnings.append(f"{file} was not read ({error})")
        return {}
    try:
        if file.suffix == ".cfg":
            return _cfg_section(text, section[0])
        return _toml_section(text, section, file, warnings)
    except ValueError as error:
        first = str(error).splitlines()[0]
        warnings.append(f"{file} was not read ({first})")
        return {}


def _cfg_section(text: str, section: str) -> Mapping[str, Any]:
    # As with TOML below.
    if section not in text:
        return {}
    import configparser

    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(text)
    except configparser.Error as error:
        raise ValueError(error) from None
    return dict(parser[section]) if parser.has_section(section) else {}


def _toml_section(
    text: str, section: tuple[str, ...], file: Path, warnings: list[str]
) -> Mapping[str, Any]:
    # Most projects say nothing about flor; reading their TOML would cost each command a millisecond.
    if section and "flor" not in text:
        return {}
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        try:
            tomllib = importlib.import_module("tomli")
        except ModuleNotFoundError:
            warnings.append(f"{file} was not read: Python 3.10 needs tomli for it")
            return {}
    content: Any = tomllib.loads(text)
    for name in section:
        content = content.get(name, {}) if isinstance(content, dict) else {}
    return content if isinstance(content, dict) else {}
