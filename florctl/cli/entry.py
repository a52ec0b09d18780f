"""What `flor` starts with: the first page, a command at once, or the tree of commands.

typer and the commands take six bare interpreters to load, for a page that is the same every time, and for
a list that is asked for all day.
"""

from __future__ import annotations

import gc
import sys

HELP_WIDTH = 80
"""Columns that the page was written for; a narrower terminal has it laid out anew."""

# [[[cog
# import cog
# from typer.testing import CliRunner
# from florctl.cli.app import app
# from florctl.cli.entry import HELP_WIDTH
# page = CliRunner().invoke(app, ["--help"], prog_name="flor", terminal_width=HELP_WIDTH - 2).stdout
# cog.out(f'FIRST_PAGE = """\\\n{page}"""\n')
# ]]]
FIRST_PAGE = """\
Usage: flor [OPTIONS] COMMAND [ARGS]...

  Record a training run; later, ask for what it did not log.

  Example: flor record train.py; flor replay; flor log get @ loss

Options:
  --version   Print the version.
  -h, --help  Show this message and exit.

Commands:
  record      Run a training script and record it; the script needs no...
  replay      Answer the log lines that were added since a run.
  resume      Go on with a run that crashed or was killed, from its...
  shell       Open a prompt within the training loop, at any moment of a...
  bisect      Find the first moment of a run at which an expression turns...
  log         List runs, show one, get the values it logged.
  diff        Compare two runs: code, arguments, environment, and the...
  query       Ask the catalog in SQL.
  state       Look into a checkpoint of a run; nothing is executed.
  shadow      Look at the code of runs: list, show, compare, merge,...
  store       Look after what is stored: checkpoints, the room they take,...
  spool       Keep runs in a bucket or on another disk, and fetch them...
  doctor      Tell what is not well: with flor here, or with a run, what...
  export      Write logged values for other programs: tables,...
  import      Take in runs of TensorBoard, Flor 2 and FlorDB: what they...
  ui          Look at runs, curves and comparisons in a browser; serves...
  completion  Print what has a shell complete commands, options, runs and...
"""
# [[[end]]]


COLLECTED_FROM = 20_000
"""Objects that are made before Python looks for cycles of them: it would do so twenty times while modules
are loaded, which makes none, in a tenth of the time that a short command takes."""


def main() -> int:
    """Run the command line of this process; returns the exit status."""
    gc.set_threshold(COLLECTED_FROM)
    try:
        return _run()
    finally:
        gc.freeze()  # or the interpreter goes through all of it once more before it ends


def _run() -> int:
    if sys.argv[1:2] == ["_complete"]:  # what a shell asks for while a person types
        from florctl.cli.completing import main as complete

        return complete(sys.argv[2:])
    if sys.argv[1:] in (["--help"], ["-h"]) and _is_shown():
        return 0
    from florctl.cli.at_once import command_of

    command = command_of(sys.argv[1:])
    if command is not None:
        from florctl.cli.ending import ended
        from florlib.stores.collecting import uncollected

        with uncollected():
            return ended(command)
    from florctl.cli.app import main as run

    return run()


def _is_shown() -> bool:
    """Show the first page; False where that is left to the tree, as what went wrong is its to tell."""
    import shutil

    if shutil.get_terminal_size().columns < HELP_WIDTH:
        return False
    try:
        sys.stdout.write(FIRST_PAGE)
        sys.stdout.flush()
    except OSError:
        return False
    return True
