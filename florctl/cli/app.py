"""The `flor` command: its tree of commands, and what becomes of an error."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from florctl.cli.ending import ended, failed
from florlib.ground.meant import meant

# typer keeps the errors of its parser private; this one's parents are what all of them share.
_USAGE_ERROR: type[Exception] = typer.BadParameter.__bases__[0]

COMMANDS = {
    "record": ("florctl.cli.record", "record"),
    "replay": ("florctl.cli.replay", "replay"),
    "resume": ("florctl.cli.resume", "resume"),
    "shell": ("florctl.cli.shell", "shell"),
    "bisect": ("florctl.cli.bisect", "bisect"),
    "log": ("florctl.cli.log", "log_app"),
    "diff": ("florctl.cli.diff", "diff"),
    "query": ("florctl.cli.query", "query"),
    "state": ("florctl.cli.state", "state"),
    "shadow": ("florctl.cli.shadow", "shadow_app"),
    "store": ("florctl.cli.store", "store_app"),
    "spool": ("florctl.cli.spool", "spool_app"),
    "doctor": ("florctl.cli.doctor", "doctor"),
    "export": ("florctl.cli.export", "export"),
    "import": ("florctl.cli.import_", "import_"),
    "ui": ("florctl.cli.ui", "ui"),
    "completion": ("florctl.cli.completion", "completion"),
    "_begin": ("florctl.cli.begin", "begin"),
    "_read": ("florctl.cli.read", "read"),
}
"""Where each command lives: a module and its typer function or app. A module is imported when its
command is called or its line of help is shown. It may hold CONTEXT, typer's context settings."""


class FlorGroup(TyperGroup):
    """The root of the tree: loads commands when they are asked for, and maps errors to statuses."""

    def list_commands(self, ctx: Any) -> list[str]:
        """The commands in the order of the help page, those for people."""
        return [name for name in COMMANDS if not name.startswith("_")]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Load a command."""
        if cmd_name not in self.commands and cmd_name in COMMANDS:
            self.commands[cmd_name] = _loaded(cmd_name)
        return self.commands.get(cmd_name)

    def main(self, *args: Any, **options: Any) -> Any:
        """Run, and end as every flor command ends: one line of error, one hint, its exit status."""
        options["standalone_mode"] = False

        def run() -> object:
            try:
                return super(FlorGroup, self).main(*args, **options)
            except _USAGE_ERROR as error:
                return _misused(error)
            except typer.Abort:
                return 130

        # In this mode typer returns the status of `typer.Exit`, or what the command returned.
        sys.exit(ended(run))


class Branch(TyperGroup):
    """A group below the root, which puts a command together when it is asked for.

    Attributes:
        infos: what typer knows of each command, by name.
    """

    infos: dict[str, Any]

    def list_commands(self, ctx: Any) -> list[str]:
        """The commands in the order in which they were added."""
        return [*self.infos]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Put a command together: all of a group's take as long as a bare interpreter."""
        if cmd_name not in self.commands and cmd_name in self.infos:
            holder = typer.Typer(rich_markup_mode=None, add_completion=False)
            holder.registered_commands = [self.infos[cmd_name]]
            self.commands[cmd_name] = typer.main.get_command(holder)
        return self.commands.get(cmd_name)


app = typer.Typer(
    cls=FlorGroup,
    name="flor",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from florlib import __version__

        typer.echo(f"flor {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", callback=_show_version, is_eager=True),
    ] = False,
) -> None:
    """Record a training run; later, ask for what it did not log.

    Example: flor record train.py; flor replay; flor log get @ loss
    """


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line.

    Args:
        argv: the words after `flor`; those of this process where None.

    Returns:
        The exit status.
    """
    try:
        app(list(sys.argv[1:] if argv is None else argv), prog_name="flor")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


def _loaded(name: str) -> Any:
    module_name, attribute = COMMANDS[name]
    module = import_module(module_name)
    found = getattr(module, attribute)
    holder = typer.Typer(rich_markup_mode=None, add_completion=False)
    if isinstance(found, typer.Typer):
        return _branch(name, found, holder)
    holder.command(name, context_settings=getattr(module, "CONTEXT", None))(found)
    return typer.main.get_command(holder)


def _branch(name: str, commands: typer.Typer, holder: typer.Typer) -> Any:
    infos = {str(info.name): info for info in commands.registered_commands}
    commands.registered_commands = []
    holder.add_typer(commands, name=name, cls=Branch)
    root: Any = typer.main.get_command(holder)
    branch = root.commands[name]
    branch.infos = infos
    commands.registered_commands = [*infos.values()]
    return branch


def _misused(error: Any) -> int:
    """Say what was wrong with the words, and the nearest ones that are right; returns the status."""
    context = getattr(error, "ctx", None)
    path = context.command_path if context else "flor"
    text = error.format_message()
    if text.startswith("Usage:"):  # a group without a command: this is its page of help
        typer.echo(text, err=True)
        return 2
    message, hint = text.split("\n")[0].removesuffix("."), f"{path} --help"
    message = message[:1].lower() + message[1:]
    option = getattr(error, "option_name", None)
    if context and option is not None:
        message = message.split(" (")[0]
        hint = _nearest(option, [o for param in context.command.params for o in param.opts], path)
    elif context and message.startswith("no such command"):
        name = message.partition("'")[2].partition("'")[0]
        message = f"no such command: {path} {name}"
        hint = f"{_nearest(name, context.command.list_commands(context), path)} --help"
        hint = hint.replace("--help --help", "--help")
    return failed(message, hint, 2)


def _nearest(word: str, known: list[str], path: str) -> str:
    near = meant(word, known)
    return f"{path} {near[0] if near else '--help'}"
