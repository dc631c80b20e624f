"""Filters under spateo's names: ``st.pp.filter``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .... import pp

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

__all__ = ["filter_cells", "filter_genes"]


def filter_cells(
    adata: AnnData,
    filter_bool: np.ndarray | None = None,
    keep_filtered: bool = False,
    min_expr_genes: int = 50,
    max_expr_genes: float = np.inf,
    min_area: float = 0,
    max_area: float = np.inf,
    inplace: bool = False,
) -> AnnData | None:
    """Keep observations with enough genes; writes ``obs["pass_basic_filter"]``.

    As spateo's; it also writes ``obs["n_genes"]`` and ``obs["n_counts"]``, and bounds of the area without a column
    ``area`` are an error instead of a printed line.

    Parameters
    ----------
    adata
        Annotated data with counts.
    filter_bool
        Observations to keep at most.
    keep_filtered
        Only mark those that pass.
    min_expr_genes, max_expr_genes
        Bounds of the number of genes expressed.
    min_area, max_area
        Bounds of ``obs["area"]``.
    inplace
        Change ``adata`` instead of returning a changed copy.

    Returns
    -------
    The changed copy, or ``None`` if ``inplace``.

    See Also
    --------
    tegula.pp.filter_cells : the same with other names.
    """
    if not inplace:
        adata = adata.copy()
    pp.filter_cells(adata, min_genes=min_expr_genes, max_genes=_most(max_expr_genes), subset=False)
    passed = adata.obs.pop("pass_filter")
    if min_area != 0 or max_area != np.inf:
        passed &= adata.obs["area"].between(min_area, max_area)
    passed = _with(passed, filter_bool)
    if not keep_filtered:
        adata._inplace_subset_obs(passed)
        passed = True
    adata.obs["pass_basic_filter"] = passed
    return None if inplace else adata


def filter_genes(
    adata: AnnData,
    filter_bool: np.ndarray | None = None,
    keep_filtered: bool = False,
    min_cells: int = 1,
    max_cells: float = np.inf,
    min_avg_exp: float = 0,
    max_avg_exp: float = np.inf,
    min_counts: float = 0,
    max_counts: float = np.inf,
    inplace: bool = False,
) -> AnnData | None:
    """Keep genes seen in enough observations; writes ``var["pass_basic_filter"]``.

    As spateo's; it also writes ``var["n_cells"]`` and ``var["n_counts"]``.

    Parameters
    ----------
    adata
        Annotated data with counts.
    filter_bool
        Genes to keep at most.
    keep_filtered
        Only mark those that pass.
    min_cells, max_cells
        Bounds of the number of observations that express the gene.
    min_avg_exp, max_avg_exp
        Bounds of the mean over all observations.
    min_counts, max_counts
        Bounds of the total.
    inplace
        Change ``adata`` instead of returning a changed copy.

    Returns
    -------
    The changed copy, or ``None`` if ``inplace``.

    See Also
    --------
    tegula.pp.filter_genes : the same with other names.
    """
    if not inplace:
        adata = adata.copy()
    least = max(min_counts, min_avg_exp * adata.n_obs)
    most = min(max_counts, max_avg_exp * adata.n_obs)
    cells = {"min_cells": min_cells, "max_cells": _most(max_cells)}
    pp.filter_genes(adata, **cells, min_counts=least, max_counts=_most(most), subset=False)
    passed = _with(adata.var.pop("pass_filter"), filter_bool)
    if not keep_filtered:
        adata._inplace_subset_var(passed)
        passed = True
    adata.var["pass_basic_filter"] = passed
    return None if inplace else adata


def _most(bound: float) -> float | None:
    """An upper bound as Tegula has it: none instead of infinity."""
    return None if np.isinf(bound) else bound


def _with(passed: pd.Series, filter_bool: np.ndarray | None) -> np.ndarray:
    passed = passed.to_numpy(dtype=bool)
    return passed if filter_bool is None else passed & np.asarray(filter_bool, dtype=bool).ravel()
