"""SpaSNE's name: ``from tegula.compat import spasne`` in place of ``import spasne``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import pp, tl

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["run_spasne"]


def run_spasne(
    data: pd.DataFrame | np.ndarray,
    pixels: pd.DataFrame | np.ndarray | None = None,
    alpha: float | None = None,
    beta: float | None = None,
    exaggeration: float = 4,
    no_dims: int = 2,
    perplexity: float = 50,
    theta: float = 0.5,
    randseed: int = -1,
    verbose: bool = False,
    initial_dims: int = 0,
    use_pca: bool = True,
    max_iter: int = 1000,
) -> np.ndarray:
    """Embed expression so that distances, in expression and in the tissue, show as well as neighbours.

    As the reference with ``theta=0``: up to 3,000 observations forces are exact whatever ``theta`` is, beyond that they
    are nearly so, where the reference's tree takes one sum 2 % too small (:func:`tegula.tl.spasne` has figures). Random
    numbers differ; -1, there the clock, is seed 0.
    Without ``pixels`` and ``alpha`` it is 5 as there; an ``alpha`` that you give counts, where the reference's code
    takes 5 all the same. ``beta`` without ``pixels`` is 0.

    Parameters
    ----------
    data
        Observations × genes, or components.
    pixels
        Observations × coordinates.
    alpha
        Weight of the distances in expression; 10 if not given, without ``pixels`` 5.
    beta
        Weight of the distances in the tissue; 5 if not given.
    exaggeration
        Factor of the nearness in the first 250 steps.
    no_dims
        Dimensions of the points: 2 or 3.
    perplexity
        How many neighbours count, softly.
    theta
        Without effect in 2 dimensions.
    randseed
        Seed.
    verbose
        Without effect.
    initial_dims
        Principal components to keep at most; 0 for 200.
    use_pca
        Whether principal components are taken at all.
    max_iter
        Steps.

    Returns
    -------
    The points, observations × ``no_dims``.

    See Also
    --------
    tegula.tl.spasne : the same on annotated data, with what is kept of the distances.
    """
    from anndata import AnnData

    x = np.asarray(data, dtype=np.float64)
    adata = AnnData(obsm={"X_data": x}, shape=(len(x), 0))
    if use_pca and 0 < (kept := initial_dims or 200) < x.shape[1]:
        adata.obsm["X_data"] = _components(x, kept)
    if pixels is None:
        alpha, beta = (5.0 if alpha is None else alpha), 0.0
    else:
        adata.obsm["spatial"] = np.asarray(pixels, dtype=np.float64)
    given: dict[str, Any] = {k: v for k, v in {"alpha": alpha, "beta": beta}.items() if v is not None}
    tl.spasne(
        adata,
        use_rep="X_data",
        n_components=no_dims,
        perplexity=perplexity,
        early_exaggeration=exaggeration,
        n_iter=max_iter,
        theta=theta,
        seed=max(randseed, 0),
        **given,
    )
    return np.asarray(adata.obsm["X_spasne"], dtype=np.float64)


def _components(x: np.ndarray, n_comps: int) -> np.ndarray:
    from anndata import AnnData

    bare = AnnData(x)
    pp.pca(bare, n_comps=min(n_comps, min(x.shape) - 1))
    return bare.obsm["X_pca"]
