"""IPython's prompt over the names of a training loop; imported only where IPython is there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from IPython.core.interactiveshell import ExecutionInfo, ExecutionResult
from IPython.terminal.interactiveshell import TerminalInteractiveShell
from IPython.terminal.ipapp import load_default_config

from florlib.runtime.shell.code import Awaiting, Declined, exit_status, patched, proceed, show_error
from florlib.runtime.shell.goals import Goal
from florlib.runtime.shell.names import Names


class _Shell(TerminalInteractiveShell):  # type: ignore[misc]
    """IPython, with a cell left where the script is to go on, and nothing of the process changed."""

    def __init__(self, names: Names, **settings: Any) -> None:
        self.names = names
        self.left_with = 0
        super().__init__(user_ns=names.mapping, **settings)

    def init_sys_modules(self) -> None:
        """`__main__` is the script."""

    def init_path(self) -> None:
        """The script's own path stays."""

    def init_virtualenv(self) -> None:
        """So does its environment."""

    def should_run_async(self, raw_cell: str, **known: Any) -> bool:
        """All cells may wait for the script."""
        return known.get("preprocessing_exc_tuple") is None

    async def run_code(self, code_obj: Any, result: Any = None, *, async_: bool = False) -> bool:
        """Execute a statement; True where it raised."""
        __tracebackhide__ = "__ipython_bottom__"  # for IPython: nobody wants to see this frame
        try:
            waiting = eval(code_obj, self.user_ns)
            if async_:
                await waiting
        except SystemExit as end:
            self.left_with = exit_status(end)
            self.ask_exit()
        except BaseException as error:  # noqa: BLE001  # as at any prompt
            if result is not None:
                result.error_in_exec = error
            if isinstance(error, Declined):
                show_error(error)
            else:
                self.showtraceback(running_compiled_code=True)
            return True
        finally:
            self.names.put_back()
        return False


class _Watching:
    """Looks for what is set beside names in what was typed."""

    def __init__(self, names: Names) -> None:
        self._names = names

    def visit(self, tree: Any) -> Any:
        """Look at a cell, and leave it as it is."""
        self._names.note_patched(patched(tree, self._names))
        return tree


class IPythonPrompt:
    """Reads what a person types, with IPython.

    Args:
        names: that are there.
        folder: for what IPython writes; a person's own settings are read, and nothing else of theirs.
    """

    def __init__(self, names: Names, folder: Path) -> None:
        self._running: Any = None  # a cell that waits for the script
        self._goal: Goal | None = None
        config = load_default_config()
        config.HistoryManager.enabled = False
        config.TerminalInteractiveShell.confirm_exit = False
        config.TerminalInteractiveShell.term_title = False
        self._shell = _Shell.instance(names=names, config=config, ipython_dir=str(folder))
        self._shell.loop_runner = self._run
        self._shell.autoawait = True
        self._shell.ast_transformers.append(Awaiting(names))
        self._shell.ast_transformers.append(_Watching(names))

    def go_on(self, error: BaseException | None) -> Goal | int:
        """To where a person lets the script go on, or leaves."""
        if self._running is not None:
            goal = proceed(self._running, error)
            if goal is not None:
                return goal
            self._running, error = None, None
        if error is not None:
            show_error(error)
        while True:
            try:
                self._shell.interact()
                break
            except KeyboardInterrupt:
                print("\nKeyboardInterrupt")  # noqa: T201  # as IPython does
        goal, self._goal = self._goal, None
        return self._shell.left_with if goal is None else goal

    def _run(self, cell: Any) -> Any:
        """Execute a cell, as far as it does not wait for the script."""
        try:
            goal = cell.send(None)
        except StopIteration as end:
            return end.value
        self._running, self._goal = cell, goal
        self._shell.keep_running = False
        return ExecutionResult(ExecutionInfo("", False, False, False, ""))
