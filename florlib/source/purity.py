"""Telling statements that only look from statements that may change something.

Pure means: run or not, nothing that the rest of the program sees is different (what is printed or
logged aside). Unknown calls are not pure. The list is short on purpose: a statement that is not
pure costs a guard around it, a wrong entry here costs exactness.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping

from florlib.source.imports import dotted_name
from florlib.source.logs import is_log_call, last_word

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
    get_device is_floating_point nanmean nansum nanmedian""".split()
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
_STREAMS = ("load", "iter", "data", "batch", "gen", "stream", "train", "test", "valid")
_CHANGES = (
    ast.Delete, ast.Global, ast.Nonlocal, ast.Return, ast.Raise, ast.Yield, ast.YieldFrom,
    ast.Await, ast.AsyncFor, ast.AsyncWith, ast.Assert,
)  # fmt: skip


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
    known = {**_USUAL_ALIASES, **(aliases or {})}
    for node in ast.walk(statement):
        if isinstance(node, _CHANGES):
            return False
        if isinstance(node, ast.AugAssign):
            return False  # `w -= 1` writes into a tensor that others hold
        if isinstance(node, (ast.Attribute, ast.Subscript)) and not isinstance(node.ctx, ast.Load):
            return False
        if isinstance(node, ast.Call) and not _pure_call(node, known):
            return False
        if isinstance(node, (ast.For, ast.comprehension)) and _streams(node.iter):
            return False
        if isinstance(node, ast.Starred) and _streams(node.value):
            return False
    return True


def _pure_call(call: ast.Call, aliases: Mapping[str, str]) -> bool:
    if is_log_call(call, aliases):
        return True
    name = dotted_name(call.func, aliases) or ""
    if name in _CONTEXTS:
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
