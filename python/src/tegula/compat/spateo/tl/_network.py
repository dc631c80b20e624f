"""Networks: STAGATE and CAST Mark."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .... import tl
from ... import stagate

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from anndata import AnnData


class pySTAGATE:
    """STAGATE, in the two steps :meth:`train` and :meth:`predicted`.

    Writes ``obs["X"]``, ``obs["Y"]`` and ``uns["Spatial_Net"]`` at once. As spateo's: all genes in ``adata.X``, one
    step of the optimiser per tile, encoder and decoder with moments of their own. Random numbers differ; the seed is 0,
    so that every run gives the same. Nothing is printed, and the number of neighbours is not drawn
    (:func:`tegula.compat.stagate.Stats_Spatial_Net` does it).

    Parameters
    ----------
    adata
        Annotated data, normalised and logarithmic.
    num_batch_x, num_batch_y
        Tiles along x and y, trained on in turn.
    basis
        The positions in ``obsm``.
    spatial_key
        Columns of ``obs`` that tiles are cut by: those that are written here, no others.
    batch_size
        Tiles per step; only 1.
    rad_cutoff
        Neighbours are all within this distance.
    num_epoch
        Passes over the data.
    lr, weight_decay
        Learning rate and decay of Adam.
    hidden_dims
        Widths of the hidden layer and of the embedding.
    device
        ``"cpu"``, or another for a GPU where there is one, as in spateo.

    See Also
    --------
    tegula.tl.stagate : the same in one call.
    """

    def __init__(
        self,
        adata: AnnData,
        num_batch_x: int,
        num_batch_y: int,
        basis: str = "spatial",
        spatial_key: Sequence[str] = ("X", "Y"),
        batch_size: int = 1,
        rad_cutoff: float = 200,
        num_epoch: int = 1000,
        lr: float = 0.001,
        weight_decay: float = 1e-4,
        hidden_dims: Sequence[int] = (512, 30),
        device: str = "cuda:0",
    ) -> None:
        from anndata import AnnData

        if list(spatial_key) != ["X", "Y"]:
            raise ValueError('tiles are cut along `basis`; leave spatial_key at ["X", "Y"]')
        if batch_size != 1:
            raise ValueError(f"batch_size must be 1 (is {batch_size}): one tile per step")
        self.adata = adata
        adata.obs["X"], adata.obs["Y"] = adata.obsm[basis][:, 0], adata.obsm[basis][:, 1]
        self._bare = AnnData(adata.X, obs=adata.obs[[]], var=adata.var[[]], obsm={"spatial": adata.obsm[basis]})
        stagate.Cal_Spatial_Net(self._bare, rad_cutoff=rad_cutoff)
        adata.uns["Spatial_Net"] = self._bare.uns["Spatial_Net"]
        self._options = {
            "hidden_dims": hidden_dims,
            "n_epochs": num_epoch,
            "lr": lr,
            "weight_decay": weight_decay,
            "device": stagate._device(device),
            "num_batch_x": num_batch_x,
            "num_batch_y": num_batch_y,
        }

    def train(self) -> None:
        """Train the network."""
        stagate._train(self._bare, save_reconstruction=True, **self._options)

    def predicted(self) -> None:
        """Write the embedding to ``obsm["STAGATE"]`` and the rebuilt expression to ``layers["STAGATE_ReX"]``."""
        if "STAGATE" not in self._bare.obsm:
            raise ValueError("the network is not trained; call train() first")
        self.adata.obsm["STAGATE"] = self._bare.obsm["STAGATE"]
        self.adata.layers["STAGATE_ReX"] = self._bare.layers["STAGATE_ReX"]

    def cal_pSM(
        self,
        n_neighbors: int = 20,
        resolution: float = 1,
        max_cell_for_subsampling: int = 5000,
        psm_key: str = "pSM_STAGATE",
    ) -> np.ndarray:
        """Write the pseudo-spatial map to ``obs[psm_key]``.

        The UMAP, the clusters and the graph that spateo makes on the way are not stored; ``resolution`` was theirs.
        From the farthest of all observations, where spateo mistakes the number in its sample for one in the whole.

        Parameters
        ----------
        n_neighbors
            Nearest neighbours, the observation itself counted.
        resolution
            Without effect on the map, as in spateo.
        max_cell_for_subsampling
            Only 5,000, the number of observations that the root is sought by.
        psm_key
            Name of the result in ``obs``.

        Returns
        -------
        The map, 0 to 1.

        See Also
        --------
        tegula.tl.psm : the same.
        """
        if max_cell_for_subsampling != 5000 and self.adata.n_obs > min(max_cell_for_subsampling, 5000):
            raise ValueError("max_cell_for_subsampling must be 5000")
        tl.psm(self.adata, use_rep="STAGATE", n_neighbors=n_neighbors - 1, key_added=psm_key)
        return self.adata.obs[psm_key].to_numpy()


GRAPHS = {"convex": "voronoi", "delaunay": "delaunay"}
"""CAST's names of its graphs, and ours."""

ARGS = {
    "epochs": "n_epochs",
    "lr1": "lr",
    "lambd": "lambd",
    "n_layers": "n_layers",
    "der": "drop_edge",
    "dfr": "drop_feature",
    "encoder_dim": "hidden_dim",
}
"""Fields of CAST's ``Args`` that mean something here, and ours."""


def CAST(
    adata: AnnData,
    sample_key: str | None = None,
    basis: str = "spatial",
    layer: str = "norm_1e4",
    n_components: int = 10,
    output_path: str = "output/CAST_Mark",
    gpu_t: int = 0,
    device: str = "cuda:0",
    **kwargs: Any,
) -> None:
    """Embed sections together by what surrounds each cell; writes ``obsm["X_cast"]`` and ``obs["CAST_clusters"]``.

    As spateo's, which also writes ``obs["x"]`` and ``obs["y"]``, as here, and PyTorch files and pictures into
    ``output_path``, which stays empty here. Random numbers differ; the same in every run. Without ``sample_key``, where
    spateo fails, all is one section.

    Parameters
    ----------
    adata
        Annotated data.
    sample_key
        The column of ``obs`` that tells sections apart.
    basis
        The positions in ``obsm``.
    layer
        The layer with normalised expression.
    n_components
        Number of clusters.
    output_path, gpu_t
        Without effect.
    device
        ``"cpu"``, or another for a GPU where there is one.
    **kwargs
        ``epoch_t``, ``graph_strategy`` (``"convex"`` or ``"delaunay"``) and ``args``, an object with CAST's fields;
        ``task_name_t`` and ``if_plot`` are without effect.

    See Also
    --------
    tegula.tl.cast_mark : the same with every parameter.
    """
    options: dict[str, Any] = {"graph": GRAPHS[kwargs.pop("graph_strategy", "convex")]}
    if (args := kwargs.pop("args", None)) is not None:
        if getattr(args, "wd1", 0) or not getattr(args, "use_encoder", True):
            raise ValueError("args: only wd1=0 and use_encoder=True are supported")
        options |= {ours: getattr(args, theirs) for theirs, ours in ARGS.items() if hasattr(args, theirs)}
    if (epochs := kwargs.pop("epoch_t", None)) is not None:
        options["n_epochs"] = epochs
    if unknown := kwargs.keys() - {"task_name_t", "if_plot"}:
        raise TypeError(f"CAST() got unexpected arguments: {', '.join(sorted(unknown))}")
    tl.cast_mark(
        adata,
        library_key=sample_key,
        layer=layer,
        use_highly_variable=False,
        spatial_key=basis,
        n_clusters=n_components,
        device=stagate._device(device),
        seed=42,
        **options,
    )
    adata.obs["x"], adata.obs["y"] = adata.obsm[basis][:, 0], adata.obsm[basis][:, 1]
