"""What commands begin with: the form that was asked for, the settings in force, a catalog that is up to date."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from florctl.cli.views.summary import tell

if TYPE_CHECKING:
    from datetime import datetime

    from florctl.orchestrate.settings import Settings


class Format(str, Enum):
    """The forms in which a command shows its answer."""

    table = "table"
    json = "json"
    csv = "csv"
    plain = "plain"


def chosen_format(json: bool, csv: bool, plain: bool) -> Format:
    """The one form that was asked for.

    Raises:
        UsageError: more than one was.
    """
    from florlib.ground.errors import UsageError

    asked = {Format.json: json, Format.csv: csv, Format.plain: plain}
    given = [form for form, is_given in asked.items() if is_given]
    if len(given) > 1:
        words = " and ".join(f"--{form.value}" for form in given)
        raise UsageError(f"{words} exclude each other", hint=f"use --{given[0].value}")
    return given[0] if given else Format.table


def present_settings() -> Settings:
    """The settings of this process; what could not be read is told on stderr."""
    import os

    from florctl.orchestrate.settings import Settings

    settings = Settings.load(os.environ, Path.cwd())
    _warn(settings.warnings)
    return settings


def harvested_settings() -> Settings:
    """The settings of this process, and a catalog that is up to date."""
    settings = present_settings()
    harvest_now(settings.home)
    return settings


def harvest_now(home: Path) -> None:
    """Bring the catalog up to date; what could not be read is told on stderr."""
    _warn(problems_of_harvest(home))


def problems_of_harvest(home: Path) -> Sequence[str]:
    """Bring the catalog up to date; returns what could not be read."""
    from florctl.orchestrate.answers.harvest import harvest

    now, boot, host = _present()
    return harvest(home, now=now, boot=boot, host=host).problems


def rebuild_now(home: Path) -> int:
    """Make the catalog anew from the files; returns how many runs it holds."""
    from florctl.orchestrate.answers.harvest import rebuild

    now, boot, host = _present()
    done = rebuild(home, now=now, boot=boot, host=host)
    _warn(done.problems)
    return done.looked


def _present() -> tuple[datetime, str, str]:
    """The time, the id of this boot, and the name of this host."""
    from datetime import datetime, timezone

    from florctl.orchestrate.answers.processes import boot_id, host_name

    return datetime.now(timezone.utc), boot_id(), host_name()


def _warn(problems: Sequence[str]) -> None:
    for line in problems:
        tell(f"warning: {line}")
