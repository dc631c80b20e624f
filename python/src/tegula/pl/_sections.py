"""What the figures of aligned sections share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from anndata import AnnData

STACK = "cast_stack"
"""What ``tl.cast_stack`` writes in ``uns``."""

DARK = "#282830"
"""The colour of lines and arrows over marks."""

GROUND = "#d6d6d6"
"""The colour of a tissue that is only ground for lines."""


def library_key_of(adata: AnnData, asked: str | None) -> str:
    """The column that tells the sections: the one asked for, or the one ``tl.cast_stack`` was told."""
    told = adata.uns.get(STACK)
    key = told.get("library_key") if asked is None and isinstance(told, Mapping) else asked
    if key is None:
        raise KeyError(f'uns["{STACK}"] is missing; run tl.cast_stack first, or pass library_key')
    return str(key)


def sections_of(adata: AnnData, key: str) -> pd.Categorical:
    """A column that tells sections, as categories: numbers in their order, also such as have a point."""
    return _labels(adata, key, "name the column that tells the sections", points=True)


def labels_of(adata: AnnData, key: str) -> pd.Categorical:
    """A column of categories, or of whole numbers."""
    return _labels(adata, key, "name another column", points=False)


def asked_of(sections: pd.Categorical, asked: str | Sequence[str] | None, key: str) -> list[str]:
    """The sections asked for, or all."""
    names = list(sections.categories)
    wanted = names if asked is None else [asked] if isinstance(asked, str) else [str(s) for s in asked] or names
    if odd := [s for s in wanted if s not in names]:
        raise ValueError(f"sections: `{odd[0]}` must be a section of `{key}`: {', '.join(names)}")
    return wanted


def mixed(n: int) -> np.ndarray:
    """The numbers below ``n`` in an order that mixes them evenly, the same every time; the command's."""
    return np.argsort(np.arange(n, dtype=np.uint32) * np.uint32(2_654_435_761))


def _labels(adata: AnnData, key: str, hint: str, points: bool) -> pd.Categorical:
    import pandas as pd

    if key not in adata.obs:
        raise KeyError(f'obs["{key}"] is missing; {hint} (present: {", ".join(map(str, adata.obs))})')
    column = adata.obs[key]
    if not isinstance(column.dtype, pd.CategoricalDtype):
        real = pd.api.types.is_float_dtype(column.dtype)
        if real and not points:
            raise ValueError(f'obs["{key}"] is numbers, not a category; name a column of labels')
        column = column.astype("category").cat.set_categories(sorted(column.dropna().unique()), ordered=real)
    values = pd.Categorical(column)
    return values.rename_categories([_name(c) for c in values.categories])


def _name(category: object) -> str:
    """A category as the command writes it."""
    if isinstance(category, float | np.floating):
        return np.format_float_positional(category + 0.0, trim="-")
    return str(category)
