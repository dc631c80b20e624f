"""Tools: clustering, smoothing, annotation.

Made by `cargo xtask gen` from the registry of methods; do not edit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from ._bridge import run
from .pp import pca

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anndata import AnnData

__all__ = [
    "annotate",
    "leiden",
    "louvain",
    "pca",
    "scc",
    "smooth",
]


def louvain(
    adata: AnnData,
    *,
    resolution: float = 1.0,
    n_iterations: int = -1,
    n_clusters: int | None = None,
    neighbors_key: str | None = None,
    obsp: str | None = None,
    use_weights: bool = True,
    key_added: str = "louvain",
    seed: int = 0,
    random_state: int | None = None,
    copy: bool = False,
) -> AnnData | None:
    """Finds communities of a graph by moving nodes and merging.

    Parameters
    ----------
    adata
        The annotated matrix.
    resolution
        Resolution γ: higher gives more, smaller clusters.
    n_iterations
        Rounds at most; -1 goes on until a round gains nothing.
    n_clusters
        Number of clusters wanted: the resolution is searched from `resolution` on. Default: whatever `resolution`
        gives.
    neighbors_key
        Which neighbours to use: `uns[neighbors_key]` says where their graph is. Default:
        `obsp["connectivities"]`.
    obsp
        Key of the graph in `obsp`, instead of `neighbors_key`.
    use_weights
        Use the edges' weights; otherwise every edge counts 1.
    key_added
        Key of the result in `obs` and `uns`.
    seed
        Seed of all randomness; the result does not depend on the number of threads.
    random_state
        Another name for ``seed``.
    copy
        Return a changed copy instead of changing ``adata``.

    Returns
    -------
    ``None``, or the changed copy if ``copy``. Sets the following fields (with the default names):

    - ``obs["louvain"]``
    - ``uns["louvain"]``

    Notes
    -----
    **What it does**

    Puts every observation into a cluster so that clusters hold more of the graph's weight than chance would give
    them: it maximises `Q = Σ_c [in_c / 2m − γ (tot_c / 2m)²]`, modularity with a resolution γ (the RB
    configuration model).

    **When to use it**

    To follow an analysis that used Louvain, as Spateo's tutorial does. Otherwise `tl.leiden`: it is better at the
    same cost, and its clusters are connected.

    **How it works**

    1. Nodes move one by one to the neighbouring community that gains most; a queue holds those worth another
    look.
    2. Communities become the nodes of a smaller graph; on to step 1, until nothing merges.

    Rounds of this are repeated from the result until one gains nothing.

    **Determinism**

    The same seed gives the same clusters on any number of threads; another seed another, about as good.

    **Cost**

    Time about linear in the edges, per round; memory one copy of the graph at most.

    **Differences from the reference**

    The `louvain` package, as scanpy and Spateo call it, runs one round; `n_iterations=1` is that. A graph that is
    not symmetric is replaced by `(W + Wᵀ) / 2`; self-loops are ignored. `n_clusters` is ours.

    References
    ----------
    Blondel, Guillaume, Lambiotte & Lefebvre, Journal of Statistical Mechanics 2008,
    doi:10.1088/1742-5468/2008/10/P10008; Reichardt & Bornholdt, Physical Review E 2006,
    doi:10.1103/PhysRevE.74.016110.
    """
    params = {
        "resolution": resolution,
        "n_iterations": n_iterations,
        "n_clusters": n_clusters,
        "neighbors_key": neighbors_key,
        "obsp": obsp,
        "use_weights": use_weights,
        "key_added": key_added,
    }
    seed = seed if random_state is None else random_state
    return run("tl.louvain", adata, params, seed=seed, copy=copy)


def leiden(
    adata: AnnData,
    *,
    resolution: float = 1.0,
    n_iterations: int = -1,
    n_clusters: int | None = None,
    neighbors_key: str | None = None,
    obsp: str | None = None,
    use_weights: bool = True,
    key_added: str = "leiden",
    seed: int = 0,
    random_state: int | None = None,
    copy: bool = False,
) -> AnnData | None:
    """Finds communities of a graph, each of them connected.

    Parameters
    ----------
    adata
        The annotated matrix.
    resolution
        Resolution γ: higher gives more, smaller clusters.
    n_iterations
        Rounds at most; -1 goes on until a round gains nothing.
    n_clusters
        Number of clusters wanted: the resolution is searched from `resolution` on. Default: whatever `resolution`
        gives.
    neighbors_key
        Which neighbours to use: `uns[neighbors_key]` says where their graph is. Default:
        `obsp["connectivities"]`.
    obsp
        Key of the graph in `obsp`, instead of `neighbors_key`.
    use_weights
        Use the edges' weights; otherwise every edge counts 1.
    key_added
        Key of the result in `obs` and `uns`.
    seed
        Seed of all randomness; the result does not depend on the number of threads.
    random_state
        Another name for ``seed``.
    copy
        Return a changed copy instead of changing ``adata``.

    Returns
    -------
    ``None``, or the changed copy if ``copy``. Sets the following fields (with the default names):

    - ``obs["leiden"]``
    - ``uns["leiden"]``

    Notes
    -----
    **What it does**

    Puts every observation into a cluster so that clusters hold more of the graph's weight than chance would give
    them: it maximises `Q = Σ_c [in_c / 2m − γ (tot_c / 2m)²]`, modularity with a resolution γ (the RB
    configuration model).

    **When to use it**

    The default for cell types and for domains on a neighbour graph, where the number of clusters is not known.
    Where it is known, pass `n_clusters`. For domains that should hang together in space, cluster the joint graph
    of `tl.scc`.

    **How it works**

    1. Nodes move one by one to the neighbouring community that gains most; a queue holds those worth another
    look.
    2. Refinement: inside every community, parts are rebuilt from single nodes; a well connected node joins a well
    connected part, drawn with probability ∝ exp(gain / θ), θ = 0.01.
    3. The parts become the nodes of a smaller graph, which starts from the communities of step 1; on to step 1.

    Rounds of this are repeated from the result. Should a community end in pieces, the pieces become clusters.

    **Determinism**

    The same seed gives the same clusters on any number of threads; another seed another, about as good.

    **Cost**

    Time about linear in the edges, per round; memory one copy of the graph at most.

    **Differences from the reference**

    scanpy's default `flavor="leidenalg"`, `n_iterations=-1`, is the model. leidenalg reports `2m·Q`, we `Q`. A
    graph that is not symmetric is replaced by `(W + Wᵀ) / 2`; self-loops are ignored. `n_clusters` is ours.

    References
    ----------
    Traag, Waltman & van Eck, Scientific Reports 2019, doi:10.1038/s41598-019-41695-z; Reichardt & Bornholdt,
    Physical Review E 2006, doi:10.1103/PhysRevE.74.016110.
    """
    params = {
        "resolution": resolution,
        "n_iterations": n_iterations,
        "n_clusters": n_clusters,
        "neighbors_key": neighbors_key,
        "obsp": obsp,
        "use_weights": use_weights,
        "key_added": key_added,
    }
    seed = seed if random_state is None else random_state
    return run("tl.leiden", adata, params, seed=seed, copy=copy)


def scc(
    adata: AnnData,
    *,
    e_neigh: int = 30,
    s_neigh: int = 6,
    resolution: float = 1.0,
    cluster_method: Literal["leiden", "louvain"] = "leiden",
    n_iterations: int = -1,
    n_clusters: int | None = None,
    key_added: str = "scc",
    pca_key: str = "X_pca",
    spatial_key: str = "spatial",
    n_pcs: int | None = None,
    seed: int = 0,
    random_state: int | None = None,
    copy: bool = False,
) -> AnnData | None:
    """Finds domains that hang together in expression and in the tissue.

    Parameters
    ----------
    adata
        The annotated matrix.
    e_neigh
        Nearest others in expression, the observation itself not counted.
    s_neigh
        Nearest others in the tissue, the observation itself not counted.
    resolution
        Higher gives more, smaller domains.
    cluster_method
        How communities are found.
    n_iterations
        Rounds at most; -1 goes on until a round gains nothing.
    n_clusters
        Number of domains wanted: the resolution is searched from `resolution` on.
    key_added
        Name of the result in `obs` and `uns`.
    pca_key
        The embedding of expression in `obsm`.
    spatial_key
        Where the positions lie in `obsm`.
    n_pcs
        Use only the first so many columns of the embedding; all if not given.
    seed
        Seed of all randomness; the result does not depend on the number of threads.
    random_state
        Another name for ``seed``.
    copy
        Return a changed copy instead of changing ``adata``.

    Returns
    -------
    ``None``, or the changed copy if ``copy``. Sets the following fields (with the default names):

    - ``obs["scc"]``
    - ``obsp["scc_connectivities"]``
    - ``uns["scc"]``

    Notes
    -----
    **What it does**

    Spatially constrained clustering: joins the neighbour graph of expression with that of the tissue and finds
    the communities of the joint graph.

    **When to use it**

    The first choice for domains: fast, few parameters, any technology. More `s_neigh` gives smoother domains; 6
    suits hexagonal spots, 8 square bins. For cell types regardless of place take `tl.leiden`.

    **How it works**

    A point is joined to its `e_neigh` nearest others in `obsm[pca_key]` and its `s_neigh` nearest others in the
    tissue, one graph of both; a pair that chose each other weighs 2, other joined pairs 1: W = A + Aᵀ. Leiden or
    Louvain then cluster W.

    **Determinism**

    Seeded; the same bits for any number of threads.

    **Cost**

    The neighbours, O(N²) times the number of components, outweigh the rest; 3,600 spots take well under a second.

    **Differences from the reference**

    spateo counts the point itself among the neighbours: its 30 and 6 are 29 and 5 here. Given the same numbers
    the joint graph is the same. The clustering runs until it gains nothing more.

    References
    ----------
    Chen et al. 2022, <https://doi.org/10.1016/j.cell.2022.04.003>; Traag, Waltman & van Eck 2019,
    <https://doi.org/10.1038/s41598-019-41695-z>
    """
    params = {
        "e_neigh": e_neigh,
        "s_neigh": s_neigh,
        "resolution": resolution,
        "cluster_method": cluster_method,
        "n_iterations": n_iterations,
        "n_clusters": n_clusters,
        "key_added": key_added,
        "pca_key": pca_key,
        "spatial_key": spatial_key,
        "n_pcs": n_pcs,
    }
    seed = seed if random_state is None else random_state
    return run("tl.scc", adata, params, seed=seed, copy=copy)


def smooth(
    adata: AnnData,
    *,
    key: str = "scc",
    n_neighbors: int = 10,
    spatial_key: str = "spatial",
    key_added: str | None = None,
    seed: int = 0,
    random_state: int | None = None,
    copy: bool = False,
) -> AnnData | None:
    """Replaces every label by the majority among its nearest others in the tissue.

    Parameters
    ----------
    adata
        The annotated matrix.
    key
        The labels in `obs`.
    n_neighbors
        Nearest others that vote (spateo calls it `radius`).
    spatial_key
        Where the positions lie in `obsm`.
    key_added
        Name of the result in `obs`; `<key>_smooth` if not given.
    seed
        Seed of all randomness; the result does not depend on the number of threads.
    random_state
        Another name for ``seed``.
    copy
        Return a changed copy instead of changing ``adata``.

    Returns
    -------
    ``None``, or the changed copy if ``copy``. Sets the following fields (with the default names):

    - ``obs["scc_smooth"]``
    - ``uns["scc_smooth_colors"]``

    Notes
    -----
    **What it does**

    Gives each observation the label that most of its `n_neighbors` nearest others have.

    **When to use it**

    After clustering, where single observations inside a domain stand out for noise. Not where rare scattered
    cells are what you look for: they disappear.

    **How it works**

    The nearest others vote, the observation itself does not. Between labels with equally many votes the one with
    the nearest member wins. All observations change at once. An observation without a label stays without one and
    has no vote; one whose neighbours all lack a label keeps its own.

    **Determinism**

    No randomness; the same bits for any number of threads.

    **Cost**

    O(N (k + log N)) time, O(N k) memory.

    **Differences from the reference**

    spateo calls `n_neighbors` `radius` and builds all N × N distances; the labels are the same.

    References
    ----------
    Chen et al. 2022, <https://doi.org/10.1016/j.cell.2022.04.003>; Qiu et al. 2024,
    <https://doi.org/10.1016/j.cell.2024.10.011>
    """
    params = {
        "key": key,
        "n_neighbors": n_neighbors,
        "spatial_key": spatial_key,
        "key_added": key_added,
    }
    seed = seed if random_state is None else random_state
    return run("tl.smooth", adata, params, seed=seed, copy=copy)


def annotate(
    adata: AnnData,
    *,
    key: str = "scc",
    map: Sequence[str] = (),
    default: str | None = None,
    key_added: str | None = None,
    seed: int = 0,
    random_state: int | None = None,
    copy: bool = False,
) -> AnnData | None:
    """Gives clusters their names.

    Parameters
    ----------
    adata
        The annotated matrix.
    key
        The clusters in `obs`.
    map
        Names as `cluster=name`, one per entry or several with commas between.
    default
        Name of every cluster that the map leaves out; without it such a cluster is an error.
    key_added
        Name of the result in `obs`; `<key>_anno` if not given.
    seed
        Seed of all randomness; the result does not depend on the number of threads.
    random_state
        Another name for ``seed``.
    copy
        Return a changed copy instead of changing ``adata``.

    Returns
    -------
    ``None``, or the changed copy if ``copy``. Sets the following fields (with the default names):

    - ``obs["scc_anno"]``

    Notes
    -----
    **What it does**

    Replaces each cluster of `obs[key]` by the name that `map` has for it. Several clusters may share a name.

    **When to use it**

    When you know what the clusters are: `--map 0=DORsm,1=TEG`.

    **How it works**

    Every cluster needs a name, unless `default` gives one to the rest; a name for a cluster that is not there is
    refused too, so that a map made for another run does not pass unnoticed. Observations without a cluster stay
    without a name.

    **Determinism**

    No randomness.

    **Cost**

    O(N).

    **Differences from the reference**

    pandas' `map` leaves unmapped clusters empty without a word.

    References
    ----------
    None.
    """
    params = {
        "key": key,
        "map": map,
        "default": default,
        "key_added": key_added,
    }
    seed = seed if random_state is None else random_state
    return run("tl.annotate", adata, params, seed=seed, copy=copy)
