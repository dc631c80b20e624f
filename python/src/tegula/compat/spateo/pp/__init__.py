"""Preprocessing under spateo's names: ``st.pp``."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from .... import pp
from . import filter

if TYPE_CHECKING:
    from anndata import AnnData

__all__ = ["filter", "log1p", "normalize_total", "scale", "select_hvf_seurat"]


def normalize_total(
    adata: AnnData,
    target_sum: float | None = None,
    norm_factor: np.ndarray | None = None,
    exclude_highly_expressed: bool = False,
    max_fraction: float = 0.05,
    key_added: str | None = None,
    layer: str | None = None,
    inplace: bool = True,
    copy: bool = False,
) -> AnnData | None:
    """Give every observation the same total.

    Without ``target_sum`` it is spateo's: the power of ten at or above the mean total of ``adata.X``. ``norm_factor``,
    ``exclude_highly_expressed`` and ``inplace=False`` are not supported: each is an error. ``key_added`` receives
    the totals divided by the common sum, as in scanpy; spateo writes the totals themselves.

    Parameters
    ----------
    adata
        Annotated data with counts.
    target_sum
        The total wanted.
    norm_factor, exclude_highly_expressed, max_fraction
        Not supported, but for their defaults.
    key_added
        Column of ``obs`` for the factors.
    layer
        Layer to use instead of ``X``.
    inplace
        Only ``True`` is supported.
    copy
        Return a changed copy instead of changing ``adata``.

    See Also
    --------
    tegula.pp.normalize_total : the same; by default to the median of the totals.
    """
    if norm_factor is not None or exclude_highly_expressed or not inplace:
        raise ValueError("norm_factor, exclude_highly_expressed and inplace=False are not supported")
    if target_sum is None:
        target_sum = 10.0 ** math.ceil(math.log10(adata.X.sum() / adata.n_obs))
    return pp.normalize_total(adata, target_sum=target_sum, key_added=key_added, layer=layer, copy=copy)


def log1p(
    X: AnnData, *, base: float | None = None, copy: bool = False, layer: str | None = None, obsm: str | None = None
) -> AnnData | None:
    """Take the logarithm of one plus each value; writes ``uns["log1p"]``.

    Unlike spateo's it takes annotated data only, and no ``obsm``.

    Parameters
    ----------
    X
        Annotated data.
    base
        Base of the logarithm; e if not given.
    copy
        Return a changed copy instead of changing the data.
    layer
        Layer to use instead of ``X``.
    obsm
        Not supported.

    See Also
    --------
    tegula.pp.log1p : the same.
    """
    if obsm is not None:
        raise ValueError("obsm is not supported; take numpy.log1p for an array")
    return pp.log1p(X, base=base, layer=layer, copy=copy)


def scale(
    X: AnnData,
    *,
    zero_center: bool = True,
    max_value: float | None = None,
    copy: bool = False,
    layer: str | None = None,
    obsm: str | None = None,
) -> AnnData | None:
    """Give every gene variance 1 and mean 0; writes ``var["mean"]`` and ``var["std"]``.

    Unlike spateo's it takes annotated data only, and no ``obsm``.

    Parameters
    ----------
    X
        Annotated data.
    zero_center
        Whether the mean is subtracted; the matrix becomes dense then.
    max_value
        Larger values are cut off.
    copy
        Return a changed copy instead of changing the data.
    layer
        Layer to use instead of ``X``.
    obsm
        Not supported.

    See Also
    --------
    tegula.pp.scale : the same.
    """
    if obsm is not None:
        raise ValueError("obsm is not supported; put the array into X of an AnnData")
    return pp.scale(X, zero_center=zero_center, max_value=max_value, layer=layer, copy=copy)


def select_hvf_seurat(
    data: AnnData,
    n_top: int | None = 2000,
    min_disp: float = 0.5,
    max_disp: float = np.inf,
    min_mean: float = 0.0125,
    max_mean: float = 7,
) -> None:
    """Choose highly variable genes as Seurat did, on logarithmic expression.

    Writes ``var["robust"]``, ``var["hvf_rank"]`` (-1 where not chosen) and ``var["highly_variable_features"]``. The
    thresholds count only where ``n_top`` is ``None``, as in spateo. A gene alone in its bin is treated as in Seurat and
    scanpy (its score is 1); spateo gives it 0.

    Parameters
    ----------
    data
        Annotated data, normalised and logarithmic.
    n_top
        Number of genes to choose.
    min_disp, max_disp
        Bounds of the normalised dispersion.
    min_mean, max_mean
        Bounds of the mean.

    See Also
    --------
    tegula.pp.highly_variable_genes : the same with every flavour; writes ``var["highly_variable"]``.
    """
    from anndata import AnnData

    bare = AnnData(data.X, var=data.var[[]], uns={k: data.uns[k] for k in ("log1p",) if k in data.uns})
    most = None if np.isinf(max_disp) else max_disp
    limits = {"min_disp": min_disp, "max_disp": most, "min_mean": min_mean, "max_mean": max_mean}
    pp.highly_variable_genes(bare, flavor="seurat", n_top_genes=n_top, **limits)
    rank = bare.var["dispersions_norm"].where(bare.var["highly_variable"]).rank(method="first", ascending=False)
    data.var["robust"] = True
    data.var["hvf_rank"] = (rank.fillna(0).astype(int) - 1).to_numpy()
    data.var["highly_variable_features"] = bare.var["highly_variable"].to_numpy()
