"""STAGATE's names: ``from tegula.compat import stagate as STAGATE`` in place of ``import STAGATE_pyG as STAGATE``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import pp, tl

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anndata import AnnData

__all__ = ["Cal_Spatial_Net", "Stats_Spatial_Net", "mclust_R", "train_STAGATE"]


def Cal_Spatial_Net(
    adata: AnnData,
    rad_cutoff: float | None = None,
    k_cutoff: int | None = None,
    model: str = "Radius",
    verbose: bool = True,
) -> None:
    """Connect every observation with those near it; writes the table ``uns["Spatial_Net"]``.

    The edges are the reference's; lines are ordered by number. Nothing is printed.

    Parameters
    ----------
    adata
        Annotated data with positions in ``obsm["spatial"]``.
    rad_cutoff
        With ``model="Radius"``: neighbours are all within this distance.
    k_cutoff
        With ``model="KNN"``: neighbours are so many nearest others.
    model
        ``"Radius"`` or ``"KNN"``.
    verbose
        Without effect.

    See Also
    --------
    tegula.pp.spatial_neighbors : the same as a sparse matrix, with more kinds of graphs.
    """
    import pandas as pd
    from anndata import AnnData

    needed = {"Radius": {"radius": rad_cutoff}, "KNN": {"n_neighbors": k_cutoff}}
    if model not in needed:
        raise ValueError(f"model must be one of {', '.join(needed)} (is {model!r})")
    if None in needed[model].values():
        raise ValueError(f"with model={model!r}, {'rad_cutoff' if model == 'Radius' else 'k_cutoff'} must be given")
    bare = AnnData(obs=pd.DataFrame(index=adata.obs_names), obsm={"spatial": np.asarray(adata.obsm["spatial"])})
    pp.spatial_neighbors(bare, coord_type="generic", **needed[model])
    edges = bare.obsp["spatial_distances"].tocoo()
    names = adata.obs_names.to_numpy()
    net = pd.DataFrame({"Cell1": names[edges.row], "Cell2": names[edges.col], "Distance": edges.data})
    adata.uns["Spatial_Net"] = net[net["Distance"] > 0].reset_index(drop=True)


def Stats_Spatial_Net(adata: AnnData) -> None:
    """Draw how many neighbours observations have in ``uns["Spatial_Net"]``.

    As the reference, the figure is left to pyplot: it appears in a notebook, or with ``matplotlib.pyplot.show``.

    Parameters
    ----------
    adata
        Annotated data with the table.
    """
    import matplotlib.pyplot as plt

    net = adata.uns["Spatial_Net"]
    shares = net["Cell1"].value_counts().value_counts() / adata.n_obs
    _, ax = plt.subplots(figsize=(3, 2))
    ax.bar(shares.index, shares)
    ax.set(ylabel="Share of observations", title=f"Number of neighbours (mean {len(net) / adata.n_obs:.2f})")


def train_STAGATE(
    adata: AnnData,
    hidden_dims: Sequence[int] = (512, 30),
    n_epochs: int = 1000,
    lr: float = 0.001,
    key_added: str = "STAGATE",
    gradient_clipping: float = 5.0,
    weight_decay: float = 0.0001,
    verbose: bool = True,
    random_seed: int = 0,
    save_loss: bool = False,
    save_reconstrction: bool = False,
    device: Any = "cuda:0",
) -> AnnData:
    """Embed observations by expression and neighbours in the tissue; writes ``obsm[key_added]``.

    As the reference, which learns encoder and decoder with moments of their own (``mode="pyg"``); random numbers
    differ. The graph is ``uns["Spatial_Net"]``, the genes those in ``var["highly_variable"]`` where it is there. With
    ``save_loss`` the last loss is a number in ``uns["STAGATE_loss"]`` instead of a tensor, so that the file can be
    written. Of highly variable genes alone the rebuilt expression is a table in ``obsm["STAGATE_ReX"]``, where the
    reference fails; ``X`` is not converted.

    Parameters
    ----------
    adata
        Annotated data, normalised and logarithmic.
    hidden_dims
        Widths of the hidden layer and of the embedding.
    n_epochs
        Passes over the data.
    lr, weight_decay
        Learning rate and decay of Adam.
    key_added
        Name of the embedding in ``obsm``.
    gradient_clipping
        The longest gradient.
    verbose
        Without effect.
    random_seed
        Seed.
    save_loss
        Store the last loss.
    save_reconstrction
        Store the rebuilt expression in ``layers["STAGATE_ReX"]``. The name is the reference's.
    device
        ``"cpu"``, or another (a torch.device will do) for a GPU where there is one.

    Returns
    -------
    ``adata``.

    See Also
    --------
    tegula.tl.stagate : the same in one call, by default with tied weights as in the paper.
    """
    _train(
        adata,
        hidden_dims=hidden_dims,
        n_epochs=n_epochs,
        lr=lr,
        key_added=key_added,
        gradient_clipping=gradient_clipping,
        weight_decay=weight_decay,
        save_reconstruction=save_reconstrction,
        device=_device(device),
        seed=random_seed,
    )
    if save_loss:
        adata.uns["STAGATE_loss"] = float(adata.uns["stagate"]["loss"])
    return adata


def mclust_R(
    adata: AnnData,
    num_cluster: int,
    modelNames: str = "EEE",
    used_obsm: str = "STAGATE",
    random_seed: int = 2020,
) -> AnnData:
    """Find groups as a mixture of Gaussians; writes ``obs["mclust"]``.

    R's mclust without R. The categories are words instead of numbers.

    Parameters
    ----------
    adata
        Annotated data with the embedding.
    num_cluster
        Number of groups.
    modelNames
        R's name of the covariance model.
    used_obsm
        The embedding in ``obsm``.
    random_seed
        Seed of the start.

    Returns
    -------
    ``adata``.

    See Also
    --------
    tegula.tl.mclust : the same with every parameter.
    """
    tl.mclust(adata, n_components=num_cluster, model_names=modelNames, use_rep=used_obsm, seed=random_seed)
    return adata


def _train(adata: AnnData, **options: Any) -> None:
    """Train on the graph in ``uns["Spatial_Net"]``."""
    from scipy import sparse

    if "Spatial_Net" not in adata.uns:
        raise ValueError('uns["Spatial_Net"] is missing; run Cal_Spatial_Net first')
    net = adata.uns["Spatial_Net"]
    ends = [adata.obs_names.get_indexer(net[c]) for c in ("Cell1", "Cell2")]
    if (np.asarray(ends) < 0).any():
        raise ValueError('uns["Spatial_Net"] names observations that are not there; run Cal_Spatial_Net again')
    ones = np.ones(len(net), dtype=np.float32)
    adata.obsp["Spatial_Net"] = sparse.csr_matrix((ones, ends), shape=(adata.n_obs, adata.n_obs))
    try:
        tl.stagate(adata, neighbors_key="Spatial_Net", mode="pyg", **options)
    finally:
        del adata.obsp["Spatial_Net"]


def _device(device: Any) -> str:
    """The reference falls back to the processor where there is no GPU."""
    return "cpu" if str(device) == "cpu" else "auto"
