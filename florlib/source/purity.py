"""Telling statements that only look from statements that may change something.

Pure means: run or not, nothing that the rest of the program sees is different (what is printed or
logged aside). Unknown calls are not pure; those of functions of the same file are looked into.
The list is short on purpose: a statement that is not pure costs a guard around it, a wrong entry
here costs exactness.
"""

from __future__ import annotations

import ast
import builtins
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from florlib.source.imports import dotted_name, import_aliases
from florlib.source.logs import flor_name, is_log_call, last_word
from florlib.source.names import parameters
from florlib.source.ownership import Scope, bindings, is_new

_BUILTINS = frozenset(
    """abs all any ascii bin bool bytes callable chr complex dict divmod enumerate filter float
    format frozenset getattr hasattr hash hex id int isinstance issubclass len list map max min
    oct ord pow range repr reversed round set slice sorted str sum tuple type zip vars""".split()
)
# Those of the above that run through an argument, which may be a loader that draws random numbers.
_CONSUMERS = frozenset(
    """all any dict enumerate filter frozenset list map max min reversed set sorted sum tuple
    zip""".split()
)
_METHODS = frozenset(
    """abs absolute all allclose amax amin any argmax argmin argsort astype bincount bool
    buffers byte ceil children clamp clip clone contiguous copy cos count count_nonzero cpu
    cumsum data_ptr detach diag diagonal diff dim dist div dot double element_size
    endswith eq equal exp expand expm1 flatten float floor format ge get gt half
    histc index int is_contiguous isfinite isinf isnan item items join kthvalue keys le
    log log10 log1p log2 log_softmax logsumexp long lower lstrip lt matmul max mean median min
    mm modules mul named_buffers named_children named_modules named_parameters narrow
    ndimension ne neg nelement nonzero norm numel numpy parameters permute pow prod quantile
    reciprocal relu replace reshape round rsplit rsqrt rstrip select sigmoid sign sin size
    softmax split sqrt square squeeze startswith state_dict std storage_offset stride
    strip sub sum t tanh tensor_split title to tolist topk trace transpose trunc type_as
    unbind unique unsqueeze untyped_storage upper values var view view_as get_last_lr
    get_device is_floating_point nanmean nansum nanmedian
    as_integer_ratio bit_count bit_length capitalize casefold expandtabs hex is_integer isalnum
    isalpha isdecimal isdigit isidentifier isnumeric isprintable isspace istitle isupper islower
    ljust partition removeprefix removesuffix rfind rjust rpartition splitlines swapcase zfill
    """.split()
)
# A module does these to itself, a tensor hands out another tensor.
_CONVERSIONS = frozenset({"bfloat16", "cpu", "cuda", "double", "float", "half", "to"})
_MODULES = ("net", "model", "module", "self")
_LIBRARIES = ("torch", "numpy", "math", "torch.nn.functional", "torch.linalg", "numpy.linalg")
_FUNCTIONS = frozenset(
    """arange array asarray as_tensor average bincount cat concatenate corrcoef cosine_similarity
    cov cross_entropy dot einsum empty_like eye from_numpy full full_like histogram hstack
    isclose is_tensor linspace l1_loss mse_loss nll_loss nanmax nanmin nanstd normalize ones
    ones_like outer pairwise_distance percentile ptp stack tensor tril triu vstack where
    zeros zeros_like binary_cross_entropy binary_cross_entropy_with_logits kl_div one_hot
    cdist svdvals eigvalsh matrix_norm vector_norm matrix_rank cond det slogdet eigvals
    nan_to_num searchsorted bitwise_count gcd hypot isqrt fsum atan atan2 degrees radians
    cosh sinh acos asin erf gamma lgamma comb perm factorial""".split()
)
_CONTEXTS = frozenset(
    """torch.no_grad torch.inference_mode torch.enable_grad torch.autograd.no_grad
    contextlib.nullcontext contextlib.suppress""".split()
)
# `import numpy as np` may be out of sight: the statement is all that is looked at.
_USUAL_ALIASES = {
    "np": "numpy",
    "nn": "torch.nn",
    "F": "torch.nn.functional",
}
# Decorators that keep nothing of the function elsewhere, and bases that keep nothing of the class.
_DECORATORS = _CONTEXTS | frozenset(
    """staticmethod classmethod property functools.cache functools.lru_cache functools.wraps
    functools.cached_property functools.total_ordering contextlib.contextmanager
    dataclasses.dataclass typing.overload typing.override typing.final torch.jit.ignore
    abc.abstractmethod""".split()
)
_BASES = frozenset(
    """typing.NamedTuple typing.TypedDict typing.Protocol typing.Generic enum.Enum enum.IntEnum
    abc.ABC torch.nn.Module collections.UserDict collections.UserList""".split()
)
_KNOWN_MODULES = sys.stdlib_module_names | {"flor", "torch", "numpy"}
_FUNCTION_NODES = (ast.FunctionDef, ast.AsyncFunctionDef)
_FILLING = frozenset({"append", "extend", "add", "update", "insert", "setdefault"})
_STREAMS = ("load", "iter", "data", "batch", "gen", "stream", "train", "test", "valid")
_CHANGES = (
    ast.Delete, ast.Global, ast.Nonlocal, ast.Return, ast.Raise, ast.Yield, ast.YieldFrom,
    ast.Await, ast.AsyncFor, ast.AsyncWith, ast.Assert,
)  # fmt: skip


def is_idle(node: object) -> bool:
    """Whether something is a statement that does nothing: `pass`, a docstring, a constant alone."""
    return isinstance(node, ast.Pass) or (
        isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    )


def is_pure(statement: ast.AST, aliases: Mapping[str, str] | None = None) -> bool:
    """Whether a statement or expression only logs and computes.

    Args:
        statement: what to judge. Names that it stores are its own affair (probes.py sees to it).
        aliases: imports of the file, as import_aliases gives them.

    >>> is_pure(ast.parse("print(sum(p.grad.norm() for p in net.parameters()))"))
    True
    >>> is_pure(ast.parse("net.eval()")), is_pure(ast.parse("w.mul_(2)"))
    (False, False)
    """
    return Purity(aliases or {}).holds(statement)


@dataclass(slots=True)
class Purity:
    """Judges statements of one file.

    Attributes:
        aliases: its imports, as import_aliases gives them.
        functions: those of its functions that a name can mean nothing else than.
    """

    aliases: Mapping[str, str]
    functions: Mapping[str, ast.FunctionDef] = field(default_factory=dict)
    _judged: dict[str, bool] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.aliases = {**_USUAL_ALIASES, **self.aliases}

    @classmethod
    def of(cls, tree: ast.Module) -> Purity:
        """For the statements of a file.

        >>> file = ast.parse("def size(net): return len(net) + 1")
        >>> Purity.of(file).holds(ast.parse("print(size(net))"))
        True
        """
        return cls(import_aliases(tree), _unmistakable(tree))

    def holds(self, statement: ast.AST) -> bool:
        """Whether a statement or expression only logs and computes."""
        if isinstance(statement, (ast.Import, ast.ImportFrom)):
            return _is_known_import(statement)
        if isinstance(statement, _FUNCTION_NODES):
            return self._defines_alone(statement)
        if isinstance(statement, ast.ClassDef):
            return self._class_alone(statement)
        return self._computes(statement, None)

    def _defines_alone(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
        defaults = [one for one in (*node.args.defaults, *node.args.kw_defaults) if one]
        annotations = [part.annotation for part in ast.walk(node.args) if isinstance(part, ast.arg)]
        return all(map(self._decorates_alone, node.decorator_list)) and all(
            self._computes(one, None) for one in (*defaults, *annotations, node.returns) if one
        )

    def _decorates_alone(self, decorator: ast.expr) -> bool:
        named = decorator.func if isinstance(decorator, ast.Call) else decorator
        return dotted_name(named, self.aliases) in _DECORATORS

    def _class_alone(self, node: ast.ClassDef) -> bool:
        return (
            not node.keywords
            and all(map(self._decorates_alone, node.decorator_list))
            and all(map(self._is_plain_base, node.bases))
            and all(map(self.holds, node.body))
        )

    def _is_plain_base(self, base: ast.expr) -> bool:
        name = dotted_name(base, self.aliases) or ""
        return name in _BASES or isinstance(getattr(builtins, name, None), type)

    def _computes(self, statement: ast.AST, scope: Scope | None) -> bool:
        """Whether code changes nothing; `scope` are the names of the function that it is all of."""
        for node in ast.walk(statement):
            if isinstance(node, _CHANGES):
                if scope is None or not isinstance(node, ast.Return):
                    return False
            elif isinstance(node, ast.AugAssign):
                # `w -= 1` writes into a tensor that others may hold.
                if scope is None or not is_new(node.target, scope):
                    return False
            elif isinstance(node, (ast.Attribute, ast.Subscript)):
                stores = not isinstance(node.ctx, ast.Load)
                if stores and (scope is None or not is_new(node.value, scope)):
                    return False
            elif isinstance(node, ast.Call) and not self._calls_alone(node, scope):
                return False
            elif isinstance(node, (ast.For, ast.comprehension)) and _streams(node.iter):
                return False
            elif isinstance(node, ast.Starred) and _streams(node.value):
                return False
        return True

    def _calls_alone(self, call: ast.Call, scope: Scope | None) -> bool:
        if _pure_call(call, self.aliases):
            return True
        if isinstance(call.func, ast.Name):
            given = [*call.args, *(word.value for word in call.keywords)]
            return call.func.id in self.functions and (
                not any(map(_streams, given)) and self._looks_on(call.func.id)
            )
        # A list of the function's own.
        if not isinstance(call.func, ast.Attribute) or call.func.attr not in _FILLING:
            return False
        return scope is not None and is_new(call.func.value, scope)

    def _looks_on(self, name: str) -> bool:
        """Whether a function of the file, when called, changes nothing."""
        if name not in self._judged:
            self._judged[name] = False  # one that calls itself is not followed
            node = self.functions[name]
            scope: Scope = {
                **bindings(node.body),
                **{argument: [(None, False)] for argument in parameters(node.args)},
            }
            self._judged[name] = all(map(self._decorates_alone, node.decorator_list)) and all(
                self._computes(statement, scope) for statement in node.body
            )
        return self._judged[name]


def _unmistakable(tree: ast.Module) -> dict[str, ast.FunctionDef]:
    """Functions of module level whose name is stored nowhere else in the file."""
    counts: dict[str, int] = {}
    for node in ast.walk(tree):
        names: Sequence[str] = ()
        if isinstance(node, (*_FUNCTION_NODES, ast.ClassDef)):
            names = (node.name,)
        elif isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            names = (node.id,)
        elif isinstance(node, ast.arg):
            names = (node.arg,)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            names = [alias.asname or alias.name.partition(".")[0] for alias in node.names]
        for name in names:
            counts[name] = counts.get(name, 0) + 1
    return {
        node.name: node
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and counts[node.name] == 1
    }


def _is_known_import(statement: ast.Import | ast.ImportFrom) -> bool:
    """Whether a module's import changes nothing that a script sees."""
    if isinstance(statement, ast.ImportFrom):
        known = (statement.module or "").partition(".")[0] in _KNOWN_MODULES
        return known and not statement.level
    return all(alias.name.partition(".")[0] in _KNOWN_MODULES for alias in statement.names)


def _pure_call(call: ast.Call, aliases: Mapping[str, str]) -> bool:
    if is_log_call(call, aliases):
        return True
    name = dotted_name(call.func, aliases) or ""
    if name in _CONTEXTS or flor_name(call.func, aliases) == "flor.histogram":
        return True
    if isinstance(call.func, ast.Name) and name in _BUILTINS:
        if name in _CONSUMERS and any(_streams(part) for part in call.args):
            return False
        return not _hands_over(call, name)
    if not isinstance(call.func, ast.Attribute):
        return False
    if _has_output(call):
        return False
    library, verb = name.rpartition(".")[0], call.func.attr
    if library in _LIBRARIES:
        return library == "math" or verb in _FUNCTIONS or verb in _METHODS
    if verb in _CONVERSIONS:
        receiver = last_word(call.func.value).lower()
        return not any(part in receiver for part in _MODULES)
    if verb == "get" and not call.args:
        return False  # of a queue, and no longer in it
    return verb in _METHODS


def _hands_over(call: ast.Call, name: str) -> bool:
    """Whether a builtin is given a function of the user's to call."""
    handed = [word.value for word in call.keywords if word.arg == "key"]
    if name in ("map", "filter"):
        handed += call.args[:1]
    return any(
        not isinstance(one, (ast.Lambda, ast.Constant))
        and not (isinstance(one, ast.Name) and one.id in _BUILTINS)
        for one in handed
    )


def _streams(iterable: ast.expr) -> bool:
    """Whether running through this may use something up, or draw random numbers."""
    if isinstance(iterable, (ast.Name, ast.Attribute)):
        word = last_word(iterable).lower()
        return len(word) <= 2 or any(part in word for part in _STREAMS)
    return False


def _has_output(call: ast.Call) -> bool:
    return any(word.arg in ("out", "inplace") for word in call.keywords)
