"""Components, clusters and their smoothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .... import pp, tl

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from anndata import AnnData


def pca_spateo(
    adata: AnnData,
    X_data: np.ndarray | None = None,
    n_pca_components: int | None = None,
    pca_key: str = "X_pca",
    genes: Sequence[str] | None = None,
    layer: str | None = None,
    random_state: int = 1,
) -> AnnData:
    """Compute principal components; writes ``obsm[pca_key]``.

    As spateo's, without making the matrix dense; signs follow another rule (the largest loading is positive). Without
    ``n_pca_components`` the knee of the variances decides, as in spateo, but of the genes and the layer that are asked
    for, where spateo then takes all of ``adata.X``.

    Parameters
    ----------
    adata
        Annotated data.
    X_data
        A matrix to use instead of ``adata.X``.
    n_pca_components
        Number of components.
    pca_key
        Entry of ``obsm`` to write.
    genes
        Genes to use; all if not given.
    layer
        Layer to use instead of ``adata.X``.
    random_state
        Seed.

    Returns
    -------
    ``adata``.

    See Also
    --------
    tegula.pp.pca : the same, with loadings and variances.
    """
    from anndata import AnnData

    x = X_data if X_data is not None else adata.X if layer is None else adata.layers[layer]
    if X_data is None and genes is not None:
        chosen = adata.var_names.isin(genes)
        if not chosen.any():
            raise ValueError("none of the genes is in var_names")
        x = x[:, chosen]
    bare = AnnData(x)
    pp.pca(bare, n_comps=n_pca_components, knee=n_pca_components is None, seed=random_state)
    adata.obsm[pca_key] = bare.obsm["X_pca"]
    return adata


def scc(
    adata: AnnData,
    spatial_key: str = "spatial",
    key_added: str = "scc",
    pca_key: str = "pca",
    e_neigh: int = 30,
    s_neigh: int = 6,
    resolution: float | None = None,
    cluster_method: str = "louvain",
) -> AnnData:
    """Find domains that hang together in expression and in the tissue; writes ``obs[key_added]``.

    The graph is spateo's, which counts an observation among its own neighbours: 30 and 6 are 29 and 5 others. It is
    kept in ``obsp["<key_added>_connectivities"]``; the two it is made of are not stored. Domains are categories, the
    largest first, and the same in every run; without ``resolution`` it is 1.

    Parameters
    ----------
    adata
        Annotated data; without ``obsm["X_pca"]`` 30 components are computed, as in spateo.
    spatial_key
        The positions in ``obsm``.
    key_added
        Name of the result in ``obs``.
    pca_key
        The components in ``obsm``, without ``X_``.
    e_neigh
        Nearest neighbours in expression, the observation itself counted.
    s_neigh
        Nearest neighbours in the tissue, the observation itself counted.
    resolution
        Higher gives more, smaller domains.
    cluster_method
        ``"louvain"``, or anything else for Leiden.

    Returns
    -------
    ``adata``.

    See Also
    --------
    tegula.tl.scc : the same with every parameter; the observation itself does not count.
    """
    if pca_key == "pca" and "X_pca" not in adata.obsm:
        pca_spateo(adata, n_pca_components=min(30, adata.n_vars - 1))
    tl.scc(
        adata,
        e_neigh=e_neigh - 1,
        s_neigh=s_neigh - 1,
        resolution=1.0 if resolution is None else resolution,
        cluster_method="louvain" if cluster_method == "louvain" else "leiden",
        key_added=key_added,
        pca_key=f"X_{pca_key}",
        spatial_key=spatial_key,
    )
    return adata


def smooth(adata: AnnData, radius: int = 50, key: str = "label") -> list[str]:
    """Give each observation the label of most of its neighbours; writes ``obs["<key>_smooth"]``.

    The labels are spateo's, without a matrix of all distances; ``obs["<key>_smooth"]`` is of categories.

    Parameters
    ----------
    adata
        Annotated data with positions in ``obsm["spatial"]``.
    radius
        Number of nearest others that vote.
    key
        The labels in ``obs``.

    Returns
    -------
    The labels, smoothed.

    See Also
    --------
    tegula.tl.smooth : the same; ``radius`` is ``n_neighbors`` there.
    """
    tl.smooth(adata, key=key, n_neighbors=radius)
    return adata.obs[f"{key}_smooth"].astype(str).tolist()


def mclust_py(
    adata: AnnData,
    n_components: int | Sequence[int] | None = None,
    use_rep: str = "X_pca",
    modelNames: str | Sequence[str] = "EEE",
    random_seed: int = 42,
) -> AnnData:
    """Find groups as a mixture of Gaussians; writes ``obs["mclust"]`` and the same in ``obs["gmm_cluster"]``.

    Unlike spateo's, which hands the names to scikit-learn as other models, ``modelNames`` means what it means in R, and
    groups count from 1 as in R. Without ``n_components`` 1 to 9 are tried and the best by BIC is kept, as in R; spateo
    does nothing then.

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

    Returns
    -------
    ``adata``.

    See Also
    --------
    tegula.tl.mclust : the same with every parameter.
    """
    numbers = {} if n_components is None else {"n_components": n_components}
    tl.mclust(adata, **numbers, model_names=modelNames, use_rep=use_rep, seed=random_seed)
    adata.obs["gmm_cluster"] = adata.obs["mclust"]
    return adata


def kmeans_clustering(
    adata: AnnData,
    n_clusters: int = 10,
    use_rep: str = "X_cast",
    random_state: int = 42,
    cluster_key: str = "kmeans_clusters",
) -> None:
    """Find groups around centres, in mini-batches; writes ``obs[cluster_key]``.

    As spateo's, with batches of 1,024 observations. Random numbers differ; groups are categories, the largest first.

    Parameters
    ----------
    adata
        Annotated data with the embedding.
    n_clusters
        Number of groups.
    use_rep
        The embedding in ``obsm``.
    random_state
        Seed.
    cluster_key
        Name of the result in ``obs``.

    See Also
    --------
    tegula.tl.kmeans : the same, by default on all observations at once.
    """
    tl.kmeans(adata, n_clusters=n_clusters, use_rep=use_rep, batch_size=1024, key_added=cluster_key, seed=random_state)
