"""Recognising calls that log: flor's own, print, logging, and the usual experiment trackers."""

from __future__ import annotations

import ast
from collections.abc import Mapping

from florlib.source.imports import dotted_name

FLOR_LOOPS = frozenset({"flor.loop", "flor.MTK.loop"})
FLOR_LOGS = frozenset({"flor.log", "flor.MTK.log"})

# Read as flor's own even where the import cannot be seen (star imports, notebooks).
_FLOR_ALIASES = {"Flor": "flor.MTK", "MTK": "flor.MTK"}

_PRINTS = frozenset({"print", "pprint", "pprint.pprint", "pprint.pp", "rich.print"})
_LEVELS = frozenset({"debug", "info", "warning", "warn", "error", "critical", "exception", "log"})
_TRACKERS = frozenset(
    """add_scalar add_scalars add_histogram add_image add_images add_text add_figure add_hparams
    log_metric log_metrics log_param log_params log_dict set_postfix set_postfix_str
    set_description set_description_str""".split()
)
# x.log() of these is the logarithm.
_MATHEMATICS = ("torch", "numpy", "np", "math", "cmath", "jax", "F")


def flor_name(function: ast.expr, aliases: Mapping[str, str]) -> str | None:
    """The dotted name of what is called, with flor's usual aliases known without an import."""
    return dotted_name(function, {**_FLOR_ALIASES, **aliases})


def is_flor_log(call: ast.Call, aliases: Mapping[str, str]) -> bool:
    """Whether this is `flor.log(name, value)`, which returns its value."""
    return flor_name(call.func, aliases) in FLOR_LOGS


def is_flor_loop(call: ast.Call, aliases: Mapping[str, str]) -> bool:
    """Whether this is `flor.loop(...)` or `MTK.loop(...)`."""
    return flor_name(call.func, aliases) in FLOR_LOOPS


def is_log_call(call: ast.Call, aliases: Mapping[str, str]) -> bool:
    """Whether a call only reports values.

    >>> def says(text): return is_log_call(ast.parse(text, mode="eval").body, {})
    >>> says("logger.info('x')"), says("wandb.log({'a': 1})"), says("torch.log(x)"), says("p.log()")
    (True, True, False, False)
    """
    name = flor_name(call.func, aliases)
    if name in _PRINTS or name in FLOR_LOGS:
        return True
    if not isinstance(call.func, ast.Attribute):
        return False
    verb, receiver = call.func.attr, last_word(call.func.value).lower()
    if verb in _TRACKERS or (verb == "print" and call.args):
        return True
    if verb == "log" and call.args:
        return (name or "").partition(".")[0] not in _MATHEMATICS
    if verb in ("write", "writelines", "flush"):
        return receiver in ("stdout", "stderr", "tqdm", "pbar")
    return verb in _LEVELS and "log" in receiver


def is_print(call: ast.Call, aliases: Mapping[str, str]) -> bool:
    """Whether a call puts lines on standard output."""
    name = flor_name(call.func, aliases)
    return name in _PRINTS or name in ("sys.stdout.write", "tqdm.write", "tqdm.tqdm.write")


def logged_name(call: ast.Call, aliases: Mapping[str, str]) -> str | None:
    """The name under which a call logs, where the text says it."""
    if is_print(call, aliases):
        return "print"
    if not is_flor_log(call, aliases):
        return None
    named = [word.value for word in call.keywords if word.arg == "name"]
    for expression in [*call.args[:1], *named]:
        if isinstance(expression, ast.Constant) and isinstance(expression.value, str):
            return expression.value
    return None


def last_word(expression: ast.expr) -> str:
    """The identifier nearest to what an expression yields.

    >>> last_word(ast.parse("self.optimizers()[0]", mode="eval").body)
    'optimizers'
    """
    while True:
        if isinstance(expression, ast.Name):
            return expression.id
        if isinstance(expression, ast.Attribute):
            return expression.attr
        if isinstance(expression, ast.Call):
            expression = expression.func
        elif isinstance(expression, (ast.Subscript, ast.Await, ast.Starred)):
            expression = expression.value
        else:
            return ""
