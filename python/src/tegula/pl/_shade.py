"""What a name in ``color`` stands for: categories or numbers, one per observation."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .. import _ondisk
from ._palette import default_name, palette

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from anndata import AnnData

MOST = 1000
"""More categories than a legend can hold."""


@dataclass
class Categories:
    """A category per observation.

    Attributes
    ----------
    codes
        Number of each observation's category, -1 where it has none.
    names
        The categories.
    listed
        Their numbers in the order of a legend.

    """

    codes: np.ndarray
    names: list[str]
    listed: list[int]


def look_up(adata: AnnData, name: str, layer: str | None) -> Categories | np.ndarray:
    """A column of ``obs``, else a gene of ``X`` or the layer, else one of ``raw``; numbers as ``float64``."""
    import pandas as pd

    if name in adata.obs:
        column = adata.obs[name]
        if isinstance(column.dtype, pd.CategoricalDtype):
            return categories(name, column)
        if pd.api.types.is_bool_dtype(column.dtype):
            flags = column.map({False: "False", True: "True"})
            return categories(name, flags.astype(pd.CategoricalDtype(["False", "True"])))
        if pd.api.types.is_numeric_dtype(column.dtype):
            return column.to_numpy(dtype=np.float64, na_value=np.nan)
        return categories(name, column.astype("category"))
    if name in adata.var_names:
        return _gene(adata.X if layer is None else adata.layers[layer], adata.var_names.get_loc(name))
    if layer is None and adata.raw is not None and name in adata.raw.var_names:
        return _gene(adata.raw.X, adata.raw.var_names.get_loc(name))
    near = difflib.get_close_matches(name, [*map(str, adata.obs), *adata.var_names], n=3)
    perhaps = f"; perhaps {', '.join(f'`{n}`' for n in near)}" if near else ""
    raise KeyError(f'obs["{name}"] is missing; it is neither a column nor a gene; name another in color{perhaps}')


def colors_of(adata: AnnData, name: str, names: list[str], given: str | Sequence[str] | dict | None) -> list[str]:
    """A colour for each category of ``obs[name]``, kept in ``uns["<name>_colors"]``.

    Without a palette those that are kept already are taken where there are enough of them, else scanpy's.
    """
    from matplotlib.colors import is_color_like, to_hex

    key, n = f"{name}_colors", len(names)
    if isinstance(given, dict):
        chosen = [to_hex(given[c]) for c in names]
    else:
        kept = [str(c) for c in np.atleast_1d(adata.uns.get(key, []))]
        if given is None and len(kept) >= n and all(map(is_color_like, kept)):
            chosen = [to_hex(c) for c in kept[:n]]
        else:
            known = palette(default_name(n) if given is None else given)
            chosen = [known[i % len(known)] for i in range(n)]
    adata.uns[key] = chosen
    return chosen


def categories(name: str, column: pd.Series | pd.Categorical) -> Categories:
    """Categories of a column, in the order of a legend where their own is that of the alphabet."""
    column = column.cat if hasattr(column, "cat") else column
    names = [str(c) for c in column.categories]
    if len(names) > MOST:
        raise ValueError(f'obs["{name}"] has {len(names)} categories, more than {MOST}; name a column of fewer')
    listed = list(range(len(names)))
    if not column.ordered and names == sorted(names):
        listed.sort(key=lambda i: _natural(names[i]))
    return Categories(np.asarray(column.codes), names, listed)


def _natural(name: str) -> list[tuple[float, str]]:
    """A key that sorts ``2`` before ``10`` and ``a`` beside ``A``; numbers come before words."""
    runs = re.findall(r"[0-9]+|[^0-9]+", name.lower())
    return [(float(run) if run[0] in "0123456789" else np.inf, run) for run in runs]


def _gene(x, at: int) -> np.ndarray:
    if _ondisk.is_sparse(x):
        return _ondisk.column(x, at)
    column = x[:, [at]]
    return np.asarray(column.toarray() if hasattr(column, "toarray") else column, dtype=np.float64).ravel()
