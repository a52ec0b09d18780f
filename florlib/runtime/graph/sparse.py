"""Sparse tensors, taken apart into the dense ones that they consist of, and put together again."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

from florlib.runtime.graph.memory import torch

KINDS = ("sparse", "compressed")
"""Nodes of coordinates (COO), and of compressed rows or columns (CSR, CSC, BSR, BSC)."""

PARTS = ("indices", "compressed", "plain", "values")
"""Fields of those nodes that lead to dense tensors; each kind has its own."""


def parts_of(value: Any) -> dict[str, Any]:
    """The dense tensors of a sparse one, by field, on its own memory; none of other layouts.

    As they are: coalescing would add up values in another order than the script does.
    """
    lib = torch()
    plain = value.detach()
    if value.layout is lib.sparse_coo:
        return {"indices": plain._indices(), "values": plain._values()}
    if value.layout in (lib.sparse_csr, lib.sparse_bsr):
        indices = plain.crow_indices(), plain.col_indices()
    elif value.layout in (lib.sparse_csc, lib.sparse_bsc):
        indices = plain.ccol_indices(), plain.row_indices()
    else:
        return {}
    return {"compressed": indices[0], "plain": indices[1], "values": plain.values()}


def make(node: Mapping[str, Any], parts: Mapping[str, Any]) -> Any:
    """A sparse tensor over dense ones."""
    lib = torch()
    if node["k"] == "sparse":
        made = lib.sparse_coo_tensor(**parts, size=node["shape"], check_invariants=False)
        made._coalesced_(node["coalesced"])
        return made
    layout = getattr(lib, node["layout"])
    dense = (parts[part] for part in ("compressed", "plain", "values"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it is in beta: the script has been told
        return lib.sparse_compressed_tensor(
            *dense, size=node["shape"], layout=layout, check_invariants=False
        )
