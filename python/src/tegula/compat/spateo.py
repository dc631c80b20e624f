"""Functions under spateo's names and with its arguments: thin adapters, no logic of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import tl

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anndata import AnnData

__all__ = ["mclust_py"]


def mclust_py(
    adata: AnnData,
    n_components: int | Sequence[int] | None = None,
    use_rep: str = "X_pca",
    modelNames: str | Sequence[str] = "EEE",
    random_seed: int = 42,
) -> None:
    """Find groups as a mixture of Gaussians; writes ``obs["mclust"]``.

    Unlike spateo's, which hands the names to scikit-learn as other models, ``modelNames`` means what it means in R.
    Without ``n_components`` 1 to 9 are tried and the best by BIC is kept, as in R; spateo does nothing then.

    Parameters
    ----------
    adata
        Annotated data with the embedding.
    n_components
        Number of groups, or several to choose from.
    use_rep
        The embedding in ``adata.obsm``.
    modelNames
        R's name of the covariance model, or several to choose from.
    random_seed
        Seed of the start.

    See Also
    --------
    tegula.tl.mclust : the same with every parameter.
    """
    numbers = {} if n_components is None else {"n_components": n_components}
    tl.mclust(adata, **numbers, model_names=modelNames, use_rep=use_rep, seed=random_seed)
