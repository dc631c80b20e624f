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
    "apply_transform",
    "cast_mark",
    "cast_project",
    "cast_stack",
    "co_occurrence",
    "consensus",
    "diffmap",
    "dpt",
    "kmeans",
    "leiden",
    "louvain",
    "mclust",
    "morans_i",
    "nhood_enrichment",
    "pca",
    "psm",
    "rank_genes_groups",
    "scc",
    "smooth",
    "spasne",
    "spasne_screen",
    "spatial_autocorr",
    "stagate",
    "sweep",
    "tsne",
]


def diffmap(
    adata: AnnData,
    n_comps: int = 15,
    *,
    neighbors_key: str | None = None,
    obsp: str | None = None,
    seed: int = 0,
    random_state: int | None = None,
    copy: bool = False,
) -> AnnData | None:
    """Diffusion map of the neighbour graph.

    Parameters
    ----------
    adata
        The annotated matrix.
    n_comps
        Number of components, the first one included; at most one less than there are observations are made.
    neighbors_key
        Which neighbours to use: `uns[neighbors_key]` says where their graph is. Default:
        `obsp["connectivities"]`.
    obsp
        Key of the graph in `obsp`, instead of `neighbors_key`.
    seed
        Seed of all randomness; the result does not depend on the number of threads.
    random_state
        Another name for ``seed``.
    copy
        Return a changed copy instead of changing ``adata``.

    Returns
    -------
    ``None``, or the changed copy if ``copy``. Sets the following fields (with the default names):

    - ``obsm["X_diffmap"]``
    - ``uns["diffmap_evals"]``

    Notes
    -----
    **What it does**

    Lays the observations out along the `n_comps` slowest directions of a random walk on the neighbour graph: near
    in them means that many short ways through the data lead from one to the other.

    **When to use it**

    For continuous change (layers, gradients, development) where `pp.pca` is too straight; before `tl.dpt`. The
    first column is the resting state, 1 in effect: plot from the second on.

    **How it works**

    The weights are divided by the densities (sums of weights) at both ends, so that how densely the data are
    sampled does not count, then by the roots of their new sums. Of this symmetric transition matrix the
    eigenvectors of largest absolute eigenvalue are the components. Those of eigenvalue 1, one per connected part
    of the graph, are known beforehand; the others come from block Lanczos with restarts, in `f64`.

    **Determinism**

    The same bits for any number of threads; the start of Lanczos depends on the seed, the result only in its last
    digits. The entry of largest absolute value of each component is positive.

    **Cost**

    O(edges × products), some hundred products; memory O(edges + 80 N).

    **Differences from the reference**

    scanpy's components to 1e-4 but for their signs. In a graph of several parts scanpy's first components mix the
    parts; ours are one part each, the largest first. An observation without neighbours is a part of its own,
    where scanpy fails. A graph that is not symmetric is replaced by `(W + Wᵀ) / 2`. Eigenvalues are kept in
    `f64`.

    References
    ----------
    Coifman & Lafon 2006, <https://doi.org/10.1016/j.acha.2006.04.006>; Haghverdi, Buettner & Theis 2015,
    <https://doi.org/10.1093/bioinformatics/btv325>

    Examples
    --------
    >>> import tegula as tg
    >>> tg.tl.diffmap(adata)
    """
    params = {
        "n_comps": n_comps,
        "neighbors_key": neighbors_key,
        "obsp": obsp,
    }
    seed = seed if random_state is None else random_state
    return run("tl.diffmap", adata, params, seed=seed, copy=copy)


def dpt(
    adata: AnnData,
    n_dcs: int = 10,
    *,
    iroot: int | None = None,
    neighbors_key: str | None = None,
    obsp: str | None = None,
    key_added: str = "dpt_pseudotime",
    seed: int = 0,
    random_state: int | None = None,
    copy: bool = False,
) -> AnnData | None:
    """Diffusion pseudotime: the distance of every observation from a root.

    Parameters
    ----------
    adata
        The annotated matrix.
    n_dcs
        Diffusion components to use.
    iroot
        Number of the observation to start from, counted from 0; by default `uns["iroot"]`.
    neighbors_key
        Which neighbours to use: `uns[neighbors_key]` says where their graph is. Default:
        `obsp["connectivities"]`.
    obsp
        Key of the graph in `obsp`, instead of `neighbors_key`.
    key_added
        Name of the result in `obs`.
    seed
        Seed of all randomness; the result does not depend on the number of threads.
    random_state
        Another name for ``seed``.
    copy
        Return a changed copy instead of changing ``adata``.

    Returns
    -------
    ``None``, or the changed copy if ``copy``. Sets the following fields (with the default names):

    - ``obs["dpt_pseudotime"]``
    - ``uns["iroot"]``

    Notes
    -----
    **What it does**

    Orders the observations by how far a random walk on the neighbour graph has to go from the observation
    `iroot`: 0 at the root, 1 at the farthest.

    **When to use it**

    After `tl.diffmap`, for data that change continuously from a known beginning. Without one: `tl.psm`.

    **How it works**

    The distance in the first `n_dcs` diffusion components, each multiplied by λ / (1 − λ), which sums over walks
    of all lengths; components with λ ≥ 0.9994 count as they are. Divided by the largest.

    **Determinism**

    No randomness; the same bits for any number of threads.

    **Cost**

    O(N · `n_dcs` + edges).

    **Differences from the reference**

    scanpy's `dpt` without branchings, to 1e-4; `obsm["X_diffmap"]` has to be there, where scanpy makes it on the
    way.

    References
    ----------
    Haghverdi et al. 2016, <https://doi.org/10.1038/nmeth.3971>; Wolf et al. 2019,
    <https://doi.org/10.1186/s13059-019-1663-x> (graphs of several parts)

    Examples
    --------
    >>> import tegula as tg
    >>> tg.tl.dpt(adata)
    """
    params = {
        "n_dcs": n_dcs,
        "iroot": iroot,
        "neighbors_key": neighbors_key,
        "obsp": obsp,
        "key_added": key_added,
    }
    seed = seed if random_state is None else random_state
    return run("tl.dpt", adata, params, seed=seed, copy=copy)


def psm(
    adata: AnnData,
    *,
    use_rep: str = "STAGATE",
    n_neighbors: int = 19,
    n_comps: int = 15,
    n_dcs: int = 10,
    iroot: int | None = None,
    key_added: str = "pSM",
    seed: int = 0,
    random_state: int | None = None,
    copy: bool = False,
) -> AnnData | None:
    """Pseudo-spatial map: pseudotime in an embedding that knows the tissue.

    Parameters
    ----------
    adata
        The annotated matrix.
    use_rep
        The embedding in `obsm`.
    n_neighbors
        Nearest others per observation, itself not counted.
    n_comps
        Diffusion components to make.
    n_dcs
        Diffusion components to use.
    iroot
        Number of the observation to start from, counted from 0; by default the one farthest from all others.
    key_added
        Name of the result in `obs`.
    seed
        Seed of all randomness; the result does not depend on the number of threads.
    random_state
        Another name for ``seed``.
    copy
        Return a changed copy instead of changing ``adata``.

    Returns
    -------
    ``None``, or the changed copy if ``copy``. Sets the following fields (with the default names):

    - ``obs["pSM"]``

    Notes
    -----
    **What it does**

    Gives every observation its diffusion pseudotime in `obsm[use_rep]`, from the observation that lies farthest
    from all others. Drawn over the tissue it shows the main gradient: cortical layers in their order, say.

    **When to use it**

    After `tl.stagate`, to see continuous structure where domains would cut. With a known beginning, or on another
    graph:
    `pp.neighbors`, `tl.diffmap`, `tl.dpt`.

    **How it works**

    A graph of the `n_neighbors` nearest, weighted as `pp.neighbors` does; its diffusion map (`tl.diffmap`);
    pseudotime (`tl.dpt`) from the observation with the largest sum of distances to all others, above 5,000
    observations to a random 5,000. Nothing else is stored, so that the graph of `pp.neighbors` stays what it is.

    **Determinism**

    Seeded where it draws a sample; the same bits for any number of threads.

    **Cost**

    Those of `pp.neighbors` and `tl.diffmap`, and O(N · 5,000 · d) for the root; memory linear in N.

    **Differences from the reference**

    The map of `SpaceFlow`, here on STAGATE's embedding; from the same root to 1e-4 what its scanpy calls give. It
    counts the observation itself among its 20 neighbours. Above 5,000 observations it takes the number of the
    root in its sample for one in the whole; ours is the farthest of all.

    References
    ----------
    Dong & Zhang 2022, <https://doi.org/10.1038/s41467-022-29439-6>; Ren et al. 2022,
    <https://doi.org/10.1038/s41467-022-31739-w>; Haghverdi et al. 2016, <https://doi.org/10.1038/nmeth.3971>

    Examples
    --------
    >>> import tegula as tg
    >>> tg.tl.psm(adata, use_rep="STAGATE")
    """
    params = {
        "use_rep": use_rep,
        "n_neighbors": n_neighbors,
        "n_comps": n_comps,
        "n_dcs": n_dcs,
        "iroot": iroot,
        "key_added": key_added,
    }
    seed = seed if random_state is None else random_state
    return run("tl.psm", adata, params, seed=seed, copy=copy)


def louvain(
    adata: AnnData,
    resolution: float = 1.0,
    *,
    objective: Literal["modularity", "cpm"] = "modularity",
    n_iterations: int = -1,
    n_clusters: int | None = None,
    initial_membership: str | None = None,
    restrict_to_key: str | None = None,
    restrict_to_groups: str | Sequence[str] = (),
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
        Resolution γ: higher gives more, smaller clusters. For `cpm` a density of edges: 1 is a clique of weight
        1.
    objective
        What clusters maximise.
    n_iterations
        Rounds at most; -1 goes on until two in a row gain nothing.
    n_clusters
        Number of clusters wanted: the resolution is searched from `resolution` on. Default: whatever `resolution`
        gives.
    initial_membership
        Column of `obs` to start from: the result is never worse than it. Default: every observation by itself.
    restrict_to_key
        Column of `obs` whose categories `restrict_to_groups` are to be clustered further, the others kept.
    restrict_to_groups
        Categories of `restrict_to_key` to cluster further, together.
    neighbors_key
        Which neighbours to use: `uns[neighbors_key]` says where their graph is. Default:
        `obsp["connectivities"]`.
    obsp
        Key of the graph in `obsp`, instead of `neighbors_key`.
    use_weights
        Use the edges' weights; otherwise every edge counts 1.
    key_added
        Key of the result in `obs` and `uns`; with `restrict_to_key` the default becomes `louvain_R`.
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
    configuration model), or with `objective = cpm` the constant Potts model `Q = Σ_c [in_c − γ n_c (n_c − 1)] /
    2m`.

    **When to use it**

    To follow an analysis that used Louvain, as Spateo's tutorial does. Otherwise `tl.leiden`: it is better at the
    same cost, and its clusters are connected.

    **How it works**

    1. Nodes move one by one to the neighbouring community that gains most; a queue holds those worth another
    look, until as many visits as there are nodes gain less than a twentieth of what was gained before.
    2. Communities become the nodes of a smaller graph; on to step 1, until nothing merges.

    Rounds of this are repeated from the result until two in a row gain nothing.

    **Determinism**

    The same seed gives the same clusters on any number of threads; another seed another, about as good.

    **Cost**

    Time about linear in the edges, per round; memory one copy of the graph at most.

    **Differences from the reference**

    The `louvain` package, as scanpy and Spateo call it, runs one round; `n_iterations=1` is that. A graph that is
    not symmetric is replaced by `(W + Wᵀ) / 2`; self-loops are ignored. `n_clusters` is ours. `objective` stands
    for
    `partition_type`, `restrict_to_key` and `restrict_to_groups` for the two halves of `restrict_to`.

    References
    ----------
    Blondel, Guillaume, Lambiotte & Lefebvre, Journal of Statistical Mechanics 2008,
    doi:10.1088/1742-5468/2008/10/P10008; Reichardt & Bornholdt, Physical Review E 2006,
    doi:10.1103/PhysRevE.74.016110.

    Examples
    --------
    >>> import tegula as tg
    >>> tg.tl.louvain(adata)
    """
    params = {
        "resolution": resolution,
        "objective": objective,
        "n_iterations": n_iterations,
        "n_clusters": n_clusters,
        "initial_membership": initial_membership,
        "restrict_to_key": restrict_to_key,
        "restrict_to_groups": restrict_to_groups,
        "neighbors_key": neighbors_key,
        "obsp": obsp,
        "use_weights": use_weights,
        "key_added": key_added,
    }
    seed = seed if random_state is None else random_state
    return run("tl.louvain", adata, params, seed=seed, copy=copy)


def leiden(
    adata: AnnData,
    resolution: float = 1.0,
    *,
    objective: Literal["modularity", "cpm"] = "modularity",
    n_iterations: int = -1,
    n_clusters: int | None = None,
    initial_membership: str | None = None,
    restrict_to_key: str | None = None,
    restrict_to_groups: str | Sequence[str] = (),
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
        Resolution γ: higher gives more, smaller clusters. For `cpm` a density of edges: 1 is a clique of weight
        1.
    objective
        What clusters maximise.
    n_iterations
        Rounds at most; -1 goes on until two in a row gain nothing.
    n_clusters
        Number of clusters wanted: the resolution is searched from `resolution` on. Default: whatever `resolution`
        gives.
    initial_membership
        Column of `obs` to start from: the result is never worse than it. Default: every observation by itself.
    restrict_to_key
        Column of `obs` whose categories `restrict_to_groups` are to be clustered further, the others kept.
    restrict_to_groups
        Categories of `restrict_to_key` to cluster further, together.
    neighbors_key
        Which neighbours to use: `uns[neighbors_key]` says where their graph is. Default:
        `obsp["connectivities"]`.
    obsp
        Key of the graph in `obsp`, instead of `neighbors_key`.
    use_weights
        Use the edges' weights; otherwise every edge counts 1.
    key_added
        Key of the result in `obs` and `uns`; with `restrict_to_key` the default becomes `leiden_R`.
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
    configuration model), or with `objective = cpm` the constant Potts model `Q = Σ_c [in_c − γ n_c (n_c − 1)] /
    2m`.

    **When to use it**

    The default for cell types and for domains on a neighbour graph, where the number of clusters is not known.
    Where it is known, pass `n_clusters`. For domains that should hang together in space, cluster the joint graph
    of `tl.scc`.

    **How it works**

    1. Nodes move one by one to the neighbouring community that gains most; a queue holds those worth another
    look, until as many visits as there are nodes gain less than a twentieth of what was gained before.
    2. Refinement: inside every community, parts are rebuilt from single nodes; a well connected node joins a well
    connected part, drawn with probability ∝ exp(gain / θ), θ = 0.01.
    3. The parts become the nodes of a smaller graph, which starts from the communities of step 1; on to step 1.

    Rounds of this are repeated from the result until two in a row gain nothing. Should a community end in pieces,
    the pieces become clusters.

    **Determinism**

    The same seed gives the same clusters on any number of threads; another seed another, about as good.

    **Cost**

    Time about linear in the edges, per round; memory one copy of the graph at most.

    **Differences from the reference**

    scanpy's default `flavor="leidenalg"`, `n_iterations=-1`, is the model. leidenalg reports `2m·Q`, we `Q`. A
    graph that is not symmetric is replaced by `(W + Wᵀ) / 2`; self-loops are ignored. `n_clusters` is ours.
    `objective` stands for `partition_type`, `restrict_to_key` and `restrict_to_groups` for the two halves of
    `restrict_to`.

    References
    ----------
    Traag, Waltman & van Eck, Scientific Reports 2019, doi:10.1038/s41598-019-41695-z; Reichardt & Bornholdt,
    Physical Review E 2006, doi:10.1103/PhysRevE.74.016110; Traag, Van Dooren & Nesterov, Physical Review E 2011,
    doi:10.1103/PhysRevE.84.016114.

    Examples
    --------
    >>> import tegula as tg
    >>> tg.tl.leiden(adata, resolution=1)
    """
    params = {
        "resolution": resolution,
        "objective": objective,
        "n_iterations": n_iterations,
        "n_clusters": n_clusters,
        "initial_membership": initial_membership,
        "restrict_to_key": restrict_to_key,
        "restrict_to_groups": restrict_to_groups,
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
    neighbors_key: str | None = None,
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
        Rounds at most; -1 goes on until two in a row gain nothing.
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
    neighbors_key
        Take the neighbours in expression that `pp.neighbors` stored (`uns[neighbors_key]` says where) instead of
        searching them: the nearest `e_neigh` by the stored distances. `pca_key` and `n_pcs` are not used then.
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

    Examples
    --------
    >>> import tegula as tg
    >>> tg.tl.scc(adata, s_neigh=8, e_neigh=30, resolution=1)
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
        "neighbors_key": neighbors_key,
    }
    seed = seed if random_state is None else random_state
    return run("tl.scc", adata, params, seed=seed, copy=copy)


def kmeans(
    adata: AnnData,
    n_clusters: int = 8,
    *,
    use_rep: str = "X_pca",
    n_pcs: int | None = None,
    n_init: int = 3,
    max_iter: int = 300,
    tol: float = 0.0001,
    batch_size: int | None = None,
    key_added: str = "kmeans",
    seed: int = 0,
    random_state: int | None = None,
    copy: bool = False,
) -> AnnData | None:
    """Puts observations into a given number of groups around centres.

    Parameters
    ----------
    adata
        The annotated matrix.
    n_clusters
        Number of clusters.
    use_rep
        The embedding in `obsm`, or `X` itself.
    n_pcs
        Use only the first so many columns of the embedding; all if not given.
    n_init
        Runs from different starts, of which the best is kept.
    max_iter
        Rounds over all observations at most.
    tol
        Ends a run once the squared moves of the centres sum up to this part of the mean variance of the columns.
    batch_size
        Observations per random batch (mini-batch k-means); if not given every round takes all.
    key_added
        Name of the result in `obs` and `uns`.
    seed
        Seed of all randomness; the result does not depend on the number of threads.
    random_state
        Another name for ``seed``.
    copy
        Return a changed copy instead of changing ``adata``.

    Returns
    -------
    ``None``, or the changed copy if ``copy``. Sets the following fields (with the default names):

    - ``obs["kmeans"]``
    - ``uns["kmeans"]``

    Notes
    -----
    **What it does**

    Finds `n_clusters` centres in an embedding so that the observations lie near them: the sum of the squared
    distances to the nearest centre, the inertia, is small.

    **When to use it**

    Where the number of groups is known and they are about round and of one size; as a start for others; for very
    many observations with `batch_size`. Groups of other shapes: `tl.mclust`; an unknown number: `tl.leiden`.

    **How it works**

    Greedy k-means++ draws the start, among 131,072 random observations where there are more: of 2 + ln k
    candidates the one that leaves the least inertia becomes the next centre. Then each observation goes to its
    nearest centre and each centre to the mean of its observations, until nothing moves or the centres move less
    than `tol`; bounds tell which observations need not be looked at. A centre that loses all its observations
    gets the one farthest from its own. With `batch_size` centres follow random batches instead, and to the means
    of all their observations in a few rounds at the end. The best of `n_init` runs is kept.

    **Determinism**

    Seeded; the same bits for any number of threads.

    **Cost**

    O(N k d) per round at first, far less once the centres settle; memory a copy of the embedding.

    **Differences from the reference**

    scikit-learn's start, stopping rule and refilling of empty clusters; mini-batches do not move rarely used
    centres, but end with ten rounds over all observations. Clusters are numbered by size.

    References
    ----------
    Arthur & Vassilvitskii 2007, <https://dl.acm.org/doi/10.5555/1283383.1283494>; Hamerly 2010,
    <https://doi.org/10.1137/1.9781611972801.12>; Sculley 2010, <https://doi.org/10.1145/1772690.1772862>

    Examples
    --------
    >>> import tegula as tg
    >>> tg.tl.kmeans(adata, n_clusters=7)
    """
    params = {
        "n_clusters": n_clusters,
        "use_rep": use_rep,
        "n_pcs": n_pcs,
        "n_init": n_init,
        "max_iter": max_iter,
        "tol": tol,
        "batch_size": batch_size,
        "key_added": key_added,
    }
    seed = seed if random_state is None else random_state
    return run("tl.kmeans", adata, params, seed=seed, copy=copy)


def mclust(
    adata: AnnData,
    *,
    n_components: int | Sequence[int] = (1, 2, 3, 4, 5, 6, 7, 8, 9),
    model_names: str | Sequence[str] = ("EEE",),
    use_rep: str = "X_pca",
    n_pcs: int | None = None,
    init: Literal["hc", "kmeans"] = "hc",
    init_key: str | None = None,
    subset: int = 2000,
    prior: bool = False,
    shrinkage: float = 0.01,
    n_init: int = 1,
    max_iter: int = 1000,
    tol: float = 0.00001,
    key_added: str = "mclust",
    seed: int = 0,
    random_state: int | None = None,
    copy: bool = False,
) -> AnnData | None:
    """Finds groups as a mixture of Gaussians, as R's mclust does.

    Parameters
    ----------
    adata
        The annotated matrix.
    n_components
        Numbers of components to try, of which the best by BIC is kept: one number, or several (as R by default 1
        to 9).
    model_names
        Models of the covariances to try, by R's names; `all` for all 14.
    use_rep
        The embedding in `obsm`, or `X` itself.
    n_pcs
        Use only the first so many columns of the embedding; all if not given.
    init
        Where EM starts.
    init_key
        Column of `obs` to start from instead; it sets the number of components.
    subset
        Observations that the hierarchical start takes at most, drawn at random.
    prior
        Keep covariances from becoming singular by R's default prior (`priorControl()`).
    shrinkage
        With `prior`: how many observations the prior of each mean, the mean of all, is worth; 0 leaves means
        alone.
    n_init
        Starts, of which the likeliest end is kept: other random parts (above `subset` observations) or other
        k-means.
    max_iter
        Rounds of EM at most.
    tol
        Relative change of the log-likelihood below which EM ends.
    key_added
        Name of the result in `obs` and `uns`, and its beginning in `obsm`.
    seed
        Seed of all randomness; the result does not depend on the number of threads.
    random_state
        Another name for ``seed``.
    copy
        Return a changed copy instead of changing ``adata``.

    Returns
    -------
    ``None``, or the changed copy if ``copy``. Sets the following fields (with the default names):

    - ``obs["mclust"]``
    - ``obs["mclust_uncertainty"]``
    - ``obsm["mclust_prob"]``
    - ``uns["mclust"]``

    Notes
    -----
    **What it does**

    Describes the observations of an embedding as drawn from `n_components` Gaussians and gives each to the one it
    most likely comes from, with its probabilities. The 14 models say what the covariances Σ = λ D A Dᵀ share:
    volume λ, shape A and orientation D are Equal, Variable or the Identity.

    **When to use it**

    Domains of a known number in an embedding that already knows the tissue (`obsm["STAGATE"]`), for which EEE is
    the custom and therefore the default: the other models need more observations per component than domains often
    have. Without a number it tries 1 to 9, as R does, with several models as well, and keeps what has the best
    BIC; in large data the best number is often the largest tried, and it says so. Not for graphs: `tl.leiden`.

    **How it works**

    Start: a hierarchical clustering by the likelihood of model VVV in the scaled singular vectors, of a random
    2,000 where there are more, cut at each number; the part that is drawn can decide much, so that `n_init` of 5
    or 10 pays above 2,000. Then EM until the log-likelihood changes by less than `tol`, relatively; models whose
    covariances have no closed form iterate inside. BIC = 2 log L − p ln n, the larger the better. With `prior`
    the mode of the posterior: means N(mean of all, Σ / `shrinkage`), covariances inverse Wishart (inverse gamma
    where they are diagonal) with d + 2 degrees of freedom and the covariance of all data / G^(2/d); L is without
    the prior. Diagonal models have one scale for all columns: bring these to one spread first.

    **Determinism**

    Seeded where it draws a sample; the same bits for any number of threads.

    **Cost**

    A round takes O(N G d²), EEE O(N d (d + G)); memory O(N (d + G)). The hierarchy takes 2,000 × 2,000 numbers.

    **Differences from the reference**

    On faithful, iris and diabetes R's log-likelihoods (1e-6), classes and BIC table (1e-5). Starts and stopping
    rules of the models that iterate inside were matched to R's output; VVE takes EVE's axes, as R's does, not its
    own best. Another sample than R's above 2,000 observations, so another start. R tries all 14 models where none
    is named. No noise component. A model whose covariance becomes singular is left out of the table, as R's NA;
    if all are, that is an error. The prior is the paper's, for all models; R has it for ten, and some of its
    estimates weigh it otherwise.

    References
    ----------
    Scrucca et al. 2016, <https://doi.org/10.32614/RJ-2016-021>; Celeux & Govaert 1995,
    <https://doi.org/10.1016/0031-3203(94)00125-6>; Browne & `McNicholas` 2014,
    <https://doi.org/10.1007/s11634-013-0139-1>; Fraley 1998, <https://doi.org/10.1137/S1064827596311451>; Fraley
    & Raftery 2007 (prior; its table 2 as corrected in 2009), <https://doi.org/10.1007/s00357-007-0004-5>

    Examples
    --------
    >>> import tegula as tg
    >>> tg.tl.mclust(adata, use_rep="STAGATE", n_components=7)
    """
    params = {
        "n_components": n_components,
        "model_names": model_names,
        "use_rep": use_rep,
        "n_pcs": n_pcs,
        "init": init,
        "init_key": init_key,
        "subset": subset,
        "prior": prior,
        "shrinkage": shrinkage,
        "n_init": n_init,
        "max_iter": max_iter,
        "tol": tol,
        "key_added": key_added,
    }
    seed = seed if random_state is None else random_state
    return run("tl.mclust", adata, params, seed=seed, copy=copy)


def consensus(
    adata: AnnData,
    *,
    n_runs: int = 20,
    resolution: float | Sequence[float] = (1.0,),
    cluster_method: Literal["leiden", "louvain"] = "leiden",
    objective: Literal["modularity", "cpm"] = "modularity",
    n_iterations: int = -1,
    n_clusters: int | None = None,
    neighbors_key: str | None = None,
    obsp: str | None = None,
    use_weights: bool = True,
    keys: str | Sequence[str] = (),
    key_added: str = "consensus",
    seed: int = 0,
    random_state: int | None = None,
    copy: bool = False,
) -> AnnData | None:
    """Clusters a graph many times and keeps what the runs agree on.

    Parameters
    ----------
    adata
        The annotated matrix.
    n_runs
        Runs at each resolution.
    resolution
        Resolutions to run at.
    cluster_method
        How communities are found.
    objective
        What clusters maximise.
    n_iterations
        Rounds of each run at most; -1 goes on until two in a row gain nothing.
    n_clusters
        Number of clusters wanted of every run: the resolution is searched. Default: whatever `resolution` gives.
    neighbors_key
        Which neighbours to use: `uns[neighbors_key]` says where their graph is. Default:
        `obsp["connectivities"]`.
    obsp
        Key of the graph in `obsp`, instead of `neighbors_key`.
    use_weights
        Use the edges' weights; otherwise every edge counts 1.
    keys
        Columns of `obs` with labels to combine; nothing is run then, and no graph is looked at.
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

    - ``obs["consensus"]``
    - ``obs["consensus_confidence"]``
    - ``uns["consensus"]``

    Notes
    -----
    **What it does**

    Runs Leiden or Louvain with many seeds (and resolutions), and returns one partition with a confidence between
    0 and 1 for every observation, and the mean adjusted Rand index between the runs: how far the clusters can be
    believed. With
    `keys` it combines labels that are there already, of whatever methods.

    **When to use it**

    Before a result is interpreted: a single run is one of many about equally good answers. Low confidence marks
    borders between domains and domains that are not there. A mean ARI near 1 says that one run would do.

    **How it works**

    1. `n_runs` runs at each resolution, side by side on one graph, each with a random stream of its own.
    2. The run that agrees best with the others (mean ARI) is the start.
    3. An observation i goes to the cluster B with the greatest `s(i, B)`, the mean over runs of |C(i) ∩ B| /
    |C(i) ∪ B| with C(i) its cluster in a run, until the mean of s over observations rises no more.
    4. A part that hangs apart from its cluster joins the cluster it is tied to most strongly: clusters are
    connected. With
       `keys`, where there is no graph, this is left out.

    The confidence is s(i, B) of the final cluster: 1 where all runs found exactly this cluster. It looks at both
    companions lost and strangers gained, compares clusters of any number, and needs no matching of labels.

    **Determinism**

    Seeded; the same bits for any number of threads.

    **Cost**

    The runs, spread over the cores; the rest is linear in runs times observations (ARIs: in pairs of runs times
    observations). Memory is two numbers per run and observation: no N × N table.

    **Differences from the reference**

    The consensus of Lancichinetti & Fortunato clusters the N × N matrix of shared membership again and again, and
    may end with clusters no run had. Here the runs vote, and the mean confidence is never below that of the best
    run.

    References
    ----------
    Lancichinetti & Fortunato, Scientific Reports 2012, doi:10.1038/srep00336; Hubert & Arabie, Journal of
    Classification 1985, doi:10.1007/BF01908075.

    Examples
    --------
    >>> import tegula as tg
    >>> tg.tl.consensus(adata, n_runs=20, obsp="scc_connectivities")
    """
    params = {
        "n_runs": n_runs,
        "resolution": resolution,
        "cluster_method": cluster_method,
        "objective": objective,
        "n_iterations": n_iterations,
        "n_clusters": n_clusters,
        "neighbors_key": neighbors_key,
        "obsp": obsp,
        "use_weights": use_weights,
        "keys": keys,
        "key_added": key_added,
    }
    seed = seed if random_state is None else random_state
    return run("tl.consensus", adata, params, seed=seed, copy=copy)


def sweep(
    adata: AnnData,
    *,
    s_neigh: int | Sequence[int] = (6, 12, 18),
    e_neigh: int | Sequence[int] = (15, 30),
    resolution: float | Sequence[float] = (0.5, 1.0, 1.5),
    n_runs: int = 5,
    n_clusters: int | None = None,
    cluster_method: Literal["leiden", "louvain"] = "leiden",
    n_iterations: int = -1,
    silhouette: bool = False,
    labels_key: str | None = None,
    key_added: str = "sweep",
    pca_key: str = "X_pca",
    spatial_key: str = "spatial",
    n_pcs: int | None = None,
    neighbors_key: str | None = None,
    seed: int = 0,
    random_state: int | None = None,
    copy: bool = False,
) -> AnnData | None:
    """Tries neighbourhoods and resolutions for domains, and recommends one.

    Parameters
    ----------
    adata
        The annotated matrix.
    s_neigh
        Numbers of nearest others in the tissue to try.
    e_neigh
        Numbers of nearest others in expression to try.
    resolution
        Resolutions to try; with `n_clusters` only the first is used, as the start of the search.
    n_runs
        Runs of each combination: their agreement is its stability.
    n_clusters
        Number of domains wanted: the resolution is searched for every run. Default: whatever `resolution` gives.
    cluster_method
        How communities are found.
    n_iterations
        Rounds of each run at most; -1 goes on until two in a row gain nothing.
    silhouette
        Add the silhouette in the embedding; takes O(N²) time.
    labels_key
        Column of `obs` with known labels: adds the adjusted Rand index to them, which the recommendation does not
        use.
    key_added
        Name of the table in `uns`.
    pca_key
        The embedding of expression in `obsm`.
    spatial_key
        Where the positions lie in `obsm`.
    n_pcs
        Use only the first so many columns of the embedding; all if not given.
    neighbors_key
        Take the neighbours in expression that `pp.neighbors` stored (`uns[neighbors_key]` says where) instead of
        searching them; it must have found as many as the largest of `e_neigh`.
    seed
        Seed of all randomness; the result does not depend on the number of threads.
    random_state
        Another name for ``seed``.
    copy
        Return a changed copy instead of changing ``adata``.

    Returns
    -------
    ``None``, or the changed copy if ``copy``. Sets the following fields (with the default names):

    - ``uns["sweep"]``

    Notes
    -----
    **What it does**

    Runs `tl.scc` for every combination of `s_neigh`, `e_neigh` and `resolution`, several times with different
    seeds, and writes one line for each: how many domains, how stable they are, how compact in the tissue. No
    labels are needed.

    **When to use it**

    Before `tl.scc`, where nobody has told you its numbers. Where the number of domains is known, pass
    `n_clusters`: then all cells have as many, and what is compared is comparable. CHAOS and PAS favour fewer,
    larger domains.

    **How it works**

    The neighbours are found once, at the largest numbers; smaller ones are the first of these. The runs of a cell
    are compared with each other (`stability`: mean adjusted Rand index over pairs); the run that agrees best with
    the others stands for the cell in the other columns.

    The rule of the recommendation: cells of at least two domains; among these the cells whose stability is within
    0.05 of the best; of those the one with the smallest sum of ranks by CHAOS and by PAS; then the more stable,
    the earlier.

    **Determinism**

    Seeded; the same bits for any number of threads.

    **Cost**

    One search for neighbours, then `n_runs` clusterings per cell, side by side; memory is that of one graph.

    **Differences from the reference**

    There is none: spateo leaves the choice to the reader. CHAOS and PAS are those of `SDMBench`.

    References
    ----------
    Chen et al. 2022, <https://doi.org/10.1016/j.cell.2022.04.003>; Shang & Zhou 2022,
    <https://doi.org/10.1038/s41467-022-34879-1>

    Examples
    --------
    >>> import tegula as tg
    >>> tg.tl.sweep(adata, s_neigh=[6, 12], resolution=[0.5, 1, 1.5])
    """
    params = {
        "s_neigh": s_neigh,
        "e_neigh": e_neigh,
        "resolution": resolution,
        "n_runs": n_runs,
        "n_clusters": n_clusters,
        "cluster_method": cluster_method,
        "n_iterations": n_iterations,
        "silhouette": silhouette,
        "labels_key": labels_key,
        "key_added": key_added,
        "pca_key": pca_key,
        "spatial_key": spatial_key,
        "n_pcs": n_pcs,
        "neighbors_key": neighbors_key,
    }
    seed = seed if random_state is None else random_state
    return run("tl.sweep", adata, params, seed=seed, copy=copy)


def tsne(
    adata: AnnData,
    *,
    n_components: int = 2,
    perplexity: float = 50.0,
    early_exaggeration: float = 4.0,
    n_iter: int = 1000,
    learning_rate: float | None = None,
    theta: float = 0.5,
    method: Literal["auto", "exact", "fast"] = "auto",
    init: Literal["random", "pca", "spatial", "array"] = "random",
    init_key: str = "X_tsne",
    use_rep: str | None = None,
    n_pcs: int | None = None,
    spatial_key: str = "spatial",
    key_added: str | None = None,
    seed: int = 0,
    random_state: int | None = None,
    copy: bool = False,
) -> AnnData | None:
    """Puts observations alike in expression side by side in the plane or in space.

    Parameters
    ----------
    adata
        The annotated matrix.
    n_components
        Dimensions of the points: 2 or 3.
    perplexity
        How many neighbours count, softly; at least 2, at most a third of the others.
    early_exaggeration
        Factor of the nearness in the first 250 steps; more gathers groups more tightly.
    n_iter
        Steps.
    learning_rate
        Length of the steps; by default 500, or the number of observations over `early_exaggeration` where that is
        more.
    theta
        How exact forces are in 3 dimensions where not all pairs are looked at, 0 to 1; 0 looks at all pairs.
    method
        How forces are found.
    init
        Where the points start.
    init_key
        The points in `obsm` to start from, with `init` `array`.
    use_rep
        The input in `obsm`, or `X` itself; by default `X_pca`, or where that is absent 200 principal components
        of `X`.
    n_pcs
        Use only the first so many columns of the input; all if not given.
    spatial_key
        Where the positions lie in `obsm`, for `init` `spatial` and for `r2`.
    key_added
        Name of the result in `obsm` and `uns`; by default `X_tsne` and `tsne`.
    seed
        Seed of all randomness; the result does not depend on the number of threads.
    random_state
        Another name for ``seed``.
    copy
        Return a changed copy instead of changing ``adata``.

    Returns
    -------
    ``None``, or the changed copy if ``copy``. Sets the following fields (with the default names):

    - ``obsm["X_tsne"]``
    - ``uns["tsne"]``

    Notes
    -----
    **What it does**

    t-SNE: a point for every observation, near to each other where the expression is.

    **When to use it**

    To see which groups there are. Distances between groups and the sizes of groups mean little; where they and
    the place in the tissue should show, take `tl.spasne`.

    **How it works**

    Gaussians around each observation, as wide as `perplexity` neighbours ask for, give the nearness P of every
    pair; points with nearness q = 1 / (1 + distance²), Q = q / Σq, go down KL(P‖Q) with momentum 0.5, from step
    250 on 0.8, and P times `early_exaggeration` up to there. Up to 3,000 observations all pairs are looked at;
    above, P comes from the 3 × `perplexity` nearest and the repulsion from a field, on a mesh in the plane, by a
    tree in space.

    **Determinism**

    Seeded; the same bits for any number of threads.

    **Cost**

    Exact: O(N²) a step and 2 N² bytes; 1,300 spots take half a second. Fast: O(N log N) a step, O(N) memory.
    Ctrl-C keeps the points as they are.

    **Differences from the reference**

    The same descent as `SpaSNE`'s with α = β = 0 and θ = 0: `bhtsne` with gains of 0.15 and 0.85 and exaggeration
    4.
    `learning_rate` is that of `bhtsne`: a gradient a quarter of scikit-learn's, so 4 times its number.

    References
    ----------
    van der Maaten & Hinton, Visualizing data using t-SNE, JMLR 2008; Belkina et al. 2019,
    <https://doi.org/10.1038/s41467-019-13055-y>; Linderman et al. 2019,
    <https://doi.org/10.1038/s41592-018-0308-4>

    Examples
    --------
    >>> import tegula as tg
    >>> tg.tl.tsne(adata, perplexity=30)
    """
    params = {
        "n_components": n_components,
        "perplexity": perplexity,
        "early_exaggeration": early_exaggeration,
        "n_iter": n_iter,
        "learning_rate": learning_rate,
        "theta": theta,
        "method": method,
        "init": init,
        "init_key": init_key,
        "use_rep": use_rep,
        "n_pcs": n_pcs,
        "spatial_key": spatial_key,
        "key_added": key_added,
    }
    seed = seed if random_state is None else random_state
    return run("tl.tsne", adata, params, seed=seed, copy=copy)


def spasne(
    adata: AnnData,
    *,
    alpha: float = 10.0,
    beta: float = 5.0,
    n_components: int = 2,
    perplexity: float = 50.0,
    early_exaggeration: float = 4.0,
    n_iter: int = 1000,
    learning_rate: float | None = None,
    theta: float = 0.5,
    method: Literal["auto", "exact", "fast"] = "auto",
    init: Literal["random", "pca", "spatial", "array"] = "random",
    init_key: str = "X_spasne",
    use_rep: str | None = None,
    n_pcs: int | None = None,
    spatial_key: str = "spatial",
    key_added: str | None = None,
    seed: int = 0,
    random_state: int | None = None,
    copy: bool = False,
) -> AnnData | None:
    """Embeds expression so that distances, in expression and in the tissue, show as well as neighbours.

    Parameters
    ----------
    adata
        The annotated matrix.
    alpha
        Weight of the distances in expression; the authors' code has 10, their page advises 8.
    beta
        Weight of the distances in the tissue; the authors' code has 5, their page advises 2.
    n_components
        Dimensions of the points: 2 or 3.
    perplexity
        How many neighbours count, softly; at least 2, at most a third of the others.
    early_exaggeration
        Factor of the nearness in the first 250 steps.
    n_iter
        Steps.
    learning_rate
        Length of the steps; by default 500, or the number of observations over `early_exaggeration` where that is
        more.
    theta
        How exact forces are in 3 dimensions where not all pairs are looked at, 0 to 1; 0 looks at all pairs.
    method
        How forces are found.
    init
        Where the points start.
    init_key
        The points in `obsm` to start from, with `init` `array`.
    use_rep
        The input in `obsm`, or `X` itself; by default `X_pca`, or where that is absent 200 principal components
        of `X`.
    n_pcs
        Use only the first so many columns of the input; all if not given.
    spatial_key
        Where the positions lie in `obsm`.
    key_added
        Name of the result in `obsm` and `uns`; by default `X_spasne` and `spasne`.
    seed
        Seed of all randomness; the result does not depend on the number of threads.
    random_state
        Another name for ``seed``.
    copy
        Return a changed copy instead of changing ``adata``.

    Returns
    -------
    ``None``, or the changed copy if ``copy``. Sets the following fields (with the default names):

    - ``obsm["X_spasne"]``
    - ``uns["spasne"]``

    Notes
    -----
    **What it does**

    `SpaSNE`: t-SNE with two more terms, one for the distances between all observations in expression, weighted by
    `alpha`, and one for those in the tissue, weighted by `beta`. With both 0 it is `tl.tsne`.

    **When to use it**

    To see groups and how they lie to each other, in expression and in the tissue, in one picture.
    `tl.spasne_screen` finds α and β for a data set; the authors' advice without a search is α = 8, β = 2. More α
    keeps expression, more β the tissue.

    **How it works**

    The input is centred and divided by its largest absolute value, the positions are taken as they are. With P
    and Q as in t-SNE, Pg and Ps the 1 + distance² of pairs in expression and in the tissue, and Qg that of the
    points, each over its sum, the points go down KL(P‖Q) + α KL(Pg‖Qg) + β KL(Ps‖Qg), as in `tl.tsne`. Up to
    3,000 observations all pairs are looked at. Above, the distances become sums over a field on a mesh: norms in
    full, products along the 14 principal axes.

    **Determinism**

    Seeded; the same bits for any number of threads.

    **Cost**

    Exact: O(N²) a step and 8 N² bytes; 1,300 spots take half a second. Fast: O(N log N) a step, O(N) memory.
    Ctrl-C keeps the points as they are.

    **Differences from the reference**

    P, Pg, Ps and the gradient are those of the reference with `theta` 0. Its tree (`theta` 0.5) takes the sum of
    all 1 + distance² some 2 % too small: on the authors' breast cancer set it ends at a correlation of 0.661 with
    the distances in expression, the exact gradient at 0.646. Without positions the reference changes α and β
    silently; here it is an error.

    References
    ----------
    Zhou et al. 2025, <https://doi.org/10.1093/gigascience/giaf002>; van der Maaten, Accelerating t-SNE using
    tree-based algorithms, JMLR 2014

    Examples
    --------
    >>> import tegula as tg
    >>> tg.tl.spasne(adata, alpha=9, beta=4)
    """
    params = {
        "alpha": alpha,
        "beta": beta,
        "n_components": n_components,
        "perplexity": perplexity,
        "early_exaggeration": early_exaggeration,
        "n_iter": n_iter,
        "learning_rate": learning_rate,
        "theta": theta,
        "method": method,
        "init": init,
        "init_key": init_key,
        "use_rep": use_rep,
        "n_pcs": n_pcs,
        "spatial_key": spatial_key,
        "key_added": key_added,
    }
    seed = seed if random_state is None else random_state
    return run("tl.spasne", adata, params, seed=seed, copy=copy)


def spasne_screen(
    adata: AnnData,
    *,
    alpha: float | Sequence[float] = (2.0, 5.0, 10.0, 20.0, 30.0, 50.0),
    beta: float | Sequence[float] = (1.0, 5.0, 10.0, 15.0, 25.0),
    n_rough: int = 10,
    n_fine: int = 20,
    n_tsne: int = 20,
    fine_alpha: float | Sequence[float] | None = None,
    fine_beta: float | Sequence[float] | None = None,
    perplexity: float = 50.0,
    early_exaggeration: float = 4.0,
    n_iter: int = 1000,
    learning_rate: float | None = None,
    use_rep: str | None = None,
    n_pcs: int | None = None,
    spatial_key: str = "spatial",
    key_added: str = "spasne_screen",
    seed: int = 0,
    random_state: int | None = None,
    copy: bool = False,
) -> AnnData | None:
    """Tries weights for `tl.spasne`, and recommends a pair.

    Parameters
    ----------
    adata
        The annotated matrix.
    alpha
        Weights of the distances in expression to try first.
    beta
        Weights of the distances in the tissue to try first.
    n_rough
        Runs of each pair of the wide grid.
    n_fine
        Runs of each pair of the fine grid; 0 leaves it out.
    n_tsne
        Runs of t-SNE that set what has to be kept of expression.
    fine_alpha
        Weights of the distances in expression in the fine grid; by default around the best so far.
    fine_beta
        Weights of the distances in the tissue in the fine grid; by default around the best so far.
    perplexity
        How many neighbours count, softly; at least 2, at most a third of the others.
    early_exaggeration
        Factor of the nearness in the first 250 steps.
    n_iter
        Steps of a run.
    learning_rate
        Length of the steps; by default 500, or the number of observations over `early_exaggeration` where that is
        more.
    use_rep
        The input in `obsm`, or `X` itself; by default `X_pca`, or where that is absent 200 principal components
        of `X`.
    n_pcs
        Use only the first so many columns of the input; all if not given.
    spatial_key
        Where the positions lie in `obsm`.
    key_added
        Name of the result in `uns`.
    seed
        Seed of all randomness; the result does not depend on the number of threads.
    random_state
        Another name for ``seed``.
    copy
        Return a changed copy instead of changing ``adata``.

    Returns
    -------
    ``None``, or the changed copy if ``copy``. Sets the following fields (with the default names):

    - ``uns["spasne_screen"]``

    Notes
    -----
    **What it does**

    Runs `tl.spasne` for every pair of `alpha` and `beta` of a wide grid, then of a fine one around the best, each
    several times from different starts, and writes one line for each: how well distances in expression and in the
    tissue are kept, and how surely.

    **When to use it**

    Once for a tissue, where nobody has told you α and β. Above 20,000 observations screen a part first
    (`pp.subsample`).

    **How it works**

    r1 and r2 are Pearson's correlations of all pairwise distances with those in expression and in the tissue. A
    run whose r1 is not above the mean of t-SNE (`n_tsne` runs) has failed and counts 0. The best run of a cell
    stands for it; its score is r1 · r2 · exp(1 − sd), sd being the standard deviation of r1 over the runs.
    Without `fine_alpha` and
    `fine_beta` the fine grid goes from half to twice the best of the wide one, in steps of a tenth, whole numbers at
    least. What does not depend on α and β is made once, and all cells start from the same points. No run is cut
    short: none can be told to be hopeless before it ends.

    **Determinism**

    Seeded; the same bits for any number of threads.

    **Cost**

    One embedding for each run, side by side; 1,300 spots, the authors' 3,600 runs: some 15 minutes on two cores,
    where their code needs two and a half days. Memory 14 N² bytes and 2 N² for each run under way.

    **Differences from the reference**

    The score is that of the authors' notebook; the gradients are exact. They run t-SNE 100 times. On their breast
    cancer set the same pair is best, (9, 4). Where α is large (above 12 there) runs end in several valleys and a
    cell is as good as its luckiest start, theirs as ours: look at `sd` before you trust a cell.

    References
    ----------
    Zhou et al. 2025, <https://doi.org/10.1093/gigascience/giaf002>; the authors' notebook,
    <https://github.com/Lin-Xu-lab/SpaSNE>

    Examples
    --------
    >>> import tegula as tg
    >>> tg.tl.spasne_screen(adata, alpha=[5, 10, 20], beta=[1, 5, 10])
    """
    params = {
        "alpha": alpha,
        "beta": beta,
        "n_rough": n_rough,
        "n_fine": n_fine,
        "n_tsne": n_tsne,
        "fine_alpha": fine_alpha,
        "fine_beta": fine_beta,
        "perplexity": perplexity,
        "early_exaggeration": early_exaggeration,
        "n_iter": n_iter,
        "learning_rate": learning_rate,
        "use_rep": use_rep,
        "n_pcs": n_pcs,
        "spatial_key": spatial_key,
        "key_added": key_added,
    }
    seed = seed if random_state is None else random_state
    return run("tl.spasne_screen", adata, params, seed=seed, copy=copy)


def cast_stack(
    adata: AnnData,
    *,
    library_key: str = "",
    reference: str | None = None,
    mode: Literal["all_to_one", "chain"] = "all_to_one",
    use_rep: str = "X_cast",
    spatial_key: str = "spatial",
    transform: Literal["rigid", "similarity", "affine"] = "affine",
    ffd: bool = True,
    mesh: int = 8,
    n_iter_affine: int = 500,
    n_iter_ffd: int = 400,
    mirror: bool = True,
    dist_penalty: float = 0.0,
    attention_key: str | None = None,
    attention_value: str | None = None,
    attention_weight: float = 3.0,
    subsample: int = 20000,
    require_match: bool = True,
    save_transform: str | None = None,
    key_added: str = "spatial_aligned",
    seed: int = 0,
    random_state: int | None = None,
    copy: bool = False,
) -> AnnData | None:
    """Lays sections onto each other by what their observations are like, where they lie turned, scaled and bent.

    Parameters
    ----------
    adata
        The annotated matrix.
    library_key
        Column of `obs` that tells the sections; required.
    reference
        The section that stays where it is; the first if not given.
    mode
        Whether every section is laid onto the reference, or each onto the one before it.
    use_rep
        The embedding in `obsm`, one for all sections together.
    spatial_key
        Where the positions lie in `obsm`.
    transform
        What the affine part may do.
    ffd
        Bend sections smoothly after the affine part (free-form deformation).
    mesh
        Nodes of the mesh along each side, for `ffd`.
    n_iter_affine
        Steps of the affine part at most; it ends where nothing moves.
    n_iter_ffd
        Steps of the warp at most; it ends where nothing moves.
    mirror
        Whether a section may lie mirrored.
    dist_penalty
        Penalty on observations that lie beside the reference, in typical correlations per spacing; 0 for none.
    attention_key
        Column of `obs` that tells a region to look at more than at the rest.
    attention_value
        The value in `attention_key` that is the region.
    attention_weight
        How many times more an observation of the region counts.
    subsample
        Observations of a section that are looked at, at most; the transform moves all.
    require_match
        Refuse sections that match no better than chance; otherwise only warn.
    save_transform
        Writes the transforms to this file too, for `tl.apply_transform` on other data.
    key_added
        Name of the common coordinates in `obsm`.
    seed
        Seed of all randomness; the result does not depend on the number of threads.
    random_state
        Another name for ``seed``.
    copy
        Return a changed copy instead of changing ``adata``.

    Returns
    -------
    ``None``, or the changed copy if ``copy``. Sets the following fields (with the default names):

    - ``obsm["spatial_aligned"]``
    - ``obs["cast_stack_correlation"]``
    - ``uns["cast_stack"]``

    Notes
    -----
    **What it does**

    Finds for every section the turn, scale, shear and smooth warp that lay it onto a reference section, so that
    neighbours across sections have similar embeddings, and writes common coordinates.

    **When to use it**

    For neighbouring sections, replicates or technologies with an embedding of all sections together:
    `tl.cast_mark`, or principal components (`pp.pca`, `pp.harmony`, then `pp.diffuse`), which in small sections
    and along layers tell places better. Sections need not overlap wholly. Sections that match no better than
    chance are refused; units that differ, and sections that hardly lie on each other, are warned of.

    **How it works**

    - The likeness of two observations is the Pearson correlation of their rows. The best matches of each other in
    up to 4,096 observations vote on similarities through pairs of matches (2,000 pairs, mirrored too); the best
    candidates, and those of a grid of turns, are followed a few steps, and the one whose neighbours correlate
    best begins; to have any counts a little, so that sections lie on each other where layers do not tell.
    - Then each observation asks the 96 nearest of the reference. Their places, weighted by correlation, have a
    mean and a covariance; what the window itself adds is divided out, so that an observation says nothing along a
    layer that looks the same everywhere, nor where it has no counterpart. A robust fit (Student's t) of the
    affine map to all that is said, repeated on 1,024, 4,096, … observations of the reference until nothing moves.
    In sections of more than 1,024 each speaks for the thousandth of its section around it, by the mean of their
    rows, whose noise is less: so all count, though `subsample` are looked at.
    - A map that makes neighbours less alike, asked from both sections, is not taken: a section of layers would
    shrink onto a part of the reference. Then a similarity is tried, else the start is kept.
    - With `ffd` a cubic B-spline mesh follows in the same way, with a penalty on bending; where areas would
    shrink below a tenth or fold, it is made stiffer.
    - The cost J reported is the mean over the section's observations of 1 − the correlation with the nearest of
    the reference.

    **Determinism**

    Seeded; the same bits for any number of threads.

    **Cost**

    O(N log N) time and memory: no table of all pairs. 1,000 cells take two seconds of a processor, 10,000 six,
    100,000 twelve and 40 MB.

    Twelve smooth programmes whose noise is 0.3, bent by 3 % of their height, are laid within 0.3 to 0.5 spacings
    (one over the root of the density), from 1,000 cells to 100,000: near the most that such noise lets be told,
    as what N cells tell of a mesh of given size gets finer as their spacing does.

    **Differences from the reference**

    CAST takes J = Σ (max corr − corr), which differs by a constant and a factor; its gradient is that of J itself
    by differences, in steps made for micrometres, from the best of four turns. Ours has no units, starts at any
    angle and reaches a lower J. `transform = "similarity"` is what CAST calls rigid. Its several rounds of meshes
    are one. Embeddings of two sections are compared as they are: bring batches together before.

    Real sections, share of observations with the label of their nearest neighbour in the other section, as
    published and after alignment by `X_pca_harmony_diffused`: DLPFC 151674 onto 151673 0.79 → 0.88; STARmap BZ9
    onto BZ5 0.89 → 0.92; MERFISH hypothalamus, bregma 0.26 onto 0.21, cell types 0.23 → 0.25; the same where the
    query was first turned by 65°, mirrored and enlarged. By Mark's embedding (400 epochs) BZ9 onto BZ5 0.92, too.
    Of four breast cancer sections of 250 spots, which come aligned, components find how each lies to 5° from
    either start (correlation of neighbours' expression 0.29, 0.27, 0.19 as given; 0.29, 0.25, 0.22 after); Mark's
    embedding of 150 epochs lays all three mirrored.

    References
    ----------
    Tang et al. 2024 (CAST), <https://doi.org/10.1038/s41592-024-02410-7>; Rueckert et al. 1999 (free-form
    deformation), <https://doi.org/10.1109/42.796284>; Fischler & Bolles 1981,
    <https://doi.org/10.1145/358669.358692>

    Examples
    --------
    >>> import tegula as tg
    >>> tg.tl.cast_stack(adata, library_key="section")
    """
    params = {
        "library_key": library_key,
        "reference": reference,
        "mode": mode,
        "use_rep": use_rep,
        "spatial_key": spatial_key,
        "transform": transform,
        "ffd": ffd,
        "mesh": mesh,
        "n_iter_affine": n_iter_affine,
        "n_iter_ffd": n_iter_ffd,
        "mirror": mirror,
        "dist_penalty": dist_penalty,
        "attention_key": attention_key,
        "attention_value": attention_value,
        "attention_weight": attention_weight,
        "subsample": subsample,
        "require_match": require_match,
        "save_transform": save_transform,
        "key_added": key_added,
    }
    seed = seed if random_state is None else random_state
    return run("tl.cast_stack", adata, params, seed=seed, copy=copy)


def apply_transform(
    adata: AnnData,
    *,
    section: str | None = None,
    library_key: str | None = None,
    spatial_key: str = "spatial",
    transform_key: str = "cast_stack",
    load_transform: str | None = None,
    key_added: str = "spatial_transformed",
    seed: int = 0,
    random_state: int | None = None,
    copy: bool = False,
) -> AnnData | None:
    """Applies the transforms that `tl.cast_stack` found to any positions.

    Parameters
    ----------
    adata
        The annotated matrix.
    section
        The section whose transform all positions take; or give `library_key`.
    library_key
        Column of `obs` that tells each observation's section, where every section takes its own transform.
    spatial_key
        Where the positions lie in `obsm`.
    transform_key
        Where the transforms lie in `uns`.
    load_transform
        A file of transforms instead, as `tl.cast_stack` writes it with `save_transform`.
    key_added
        Name of the result in `obsm`.
    seed
        Seed of all randomness; the result does not depend on the number of threads.
    random_state
        Another name for ``seed``.
    copy
        Return a changed copy instead of changing ``adata``.

    Returns
    -------
    ``None``, or the changed copy if ``copy``. Sets the following fields (with the default names):

    - ``obsm["spatial_transformed"]``

    Notes
    -----
    **What it does**

    Takes positions of one section, or of every section its own, through the affine map and the warp that
    `tl.cast_stack` found, and writes common coordinates.

    **When to use it**

    For positions that were not aligned themselves: landmarks, finer bins, molecules or a later version of the
    same section, in the same file or in another.

    **How it works**

    x and y go through the affine map, then through the B-spline mesh; beyond the mesh the warp goes on as at its
    edge. A third coordinate stays as it is.

    **Determinism**

    No randomness.

    **Cost**

    O(N).

    **Differences from the reference**

    CAST keeps the mesh of every iteration and applies one after the other; here the warp is one mesh.

    References
    ----------
    Tang et al. 2024, <https://doi.org/10.1038/s41592-024-02410-7>; Rueckert et al. 1999,
    <https://doi.org/10.1109/42.796284>

    Examples
    --------
    >>> import tegula as tg
    >>> tg.tl.apply_transform(adata, section="S2", load_transform="s.json")
    """
    params = {
        "section": section,
        "library_key": library_key,
        "spatial_key": spatial_key,
        "transform_key": transform_key,
        "load_transform": load_transform,
        "key_added": key_added,
    }
    seed = seed if random_state is None else random_state
    return run("tl.apply_transform", adata, params, seed=seed, copy=copy)


def cast_project(
    adata: AnnData,
    *,
    library_key: str = "",
    source: str | None = None,
    target: str | None = None,
    use_rep: str | None = None,
    spatial_key: str = "spatial_aligned",
    layer: str | None = None,
    groupby: str | None = None,
    label_key: str | Sequence[str] = (),
    n_neighbors: int = 1,
    n_votes: int = 5,
    distance_fold: float = 3.0,
    distance_shift: float = 0.0,
    key_added: str = "cast_project",
    seed: int = 0,
    random_state: int | None = None,
    copy: bool = False,
) -> AnnData | None:
    """Brings the expression and the labels of one section onto the cells of another.

    Parameters
    ----------
    adata
        The annotated matrix.
    library_key
        Column of `obs` that tells the sections; required.
    source
        The section whose counts and labels are brought over. Of two sections, the one that is not the target, or
        the first.
    target
        The section they are brought to. Of two sections, the one that is not the source.
    use_rep
        The joint embedding of both sections in `obsm`; `X_pca_harmony` where it is there, else it is made.
    spatial_key
        Where the positions lie in `obsm`, the sections laid over each other.
    layer
        Layer with the raw counts to project instead of `X`.
    groupby
        Column of `obs` with types that both sections have: matches are sought within a type.
    label_key
        Columns of `obs` with labels of the source to bring over.
    n_neighbors
        Matches whose counts are averaged.
    n_votes
        Matches that vote on labels.
    distance_fold
        Radius of the search in mean Delaunay edges of the target.
    distance_shift
        Added to the radius, in the unit of the positions: how far the sections may be off each other.
    key_added
        Name of the results.
    seed
        Seed of all randomness; the result does not depend on the number of threads.
    random_state
        Another name for ``seed``.
    copy
        Return a changed copy instead of changing ``adata``.

    Returns
    -------
    ``None``, or the changed copy if ``copy``. Sets the following fields (with the default names):

    - ``layers["cast_project"]``
    - ``obsp["cast_project"]``
    - ``obs["cast_project_distance"]``
    - ``obs["cast_project_cosine"]``
    - ``uns["cast_project"]``
    - ``obsm["X_pca_harmony"]``

    Notes
    -----
    **What it does**

    Gives every observation of the section `target` the counts of those of the section `source` that lie near it
    in the tissue and are most like it: genes that only one technology measured, on the cells of the other. Labels
    are brought over too, with a confidence for each.

    **When to use it**

    After `tl.cast_stack` has laid both sections over each other: to combine panels of genes, or protein and RNA,
    and to carry cell types from an annotated section to a new one. With `groupby`, where both sections have cell
    types already. Where types lie mixed and the sections do not hold the very same cells, a larger
    `distance_fold` (6 to 12) finds more alike matches.

    **How it works**

    Candidates are the source's observations within `distance_fold` times the mean length of the target's Delaunay
    edges (without the longest hundredth), plus `distance_shift`; with `groupby` those of the same type, the edges
    being those among the target's observations of that type. Of them the `n_neighbors` nearest by cosine in the
    joint embedding are taken, with weights 1 / (cosine distance + 1e-6) that add up to 1. Where there are fewer
    candidates than that, the 20 nearest in the tissue are the candidates. For labels the `n_votes` nearest vote
    with such weights; the confidence is the share of the winner. An observation whose type the source lacks gets
    nothing. Without a joint embedding one is made: counts normalised and logged, genes scaled (highly variable
    ones where they are marked), 50 principal components, Harmony over the sections.

    **Determinism**

    Nothing is random, except the joint embedding where it is made here: seeded. The same bits for any number of
    threads; ties go to the lower index.

    **Cost**

    O(N log N) and a product of two embedded rows for every candidate: some 35 per observation at the default
    radius. 100,000 onto 100,000 with 50 components take about two CPU seconds beside the joint embedding. Sparse
    throughout.

    **Differences from the reference**

    The matches are the reference's, ties aside, where no types are given. With types it narrows the radius but
    not the candidates to the type, and takes Voronoi edges within the hull. Its `alignment_shift_adjustment` is
    50 µm, here
    `distance_shift` is 0, so that no unit is presumed; its radius is open, here closed. It labels by the nearest match
    alone: `n_votes` 1. It builds N × N distances in pieces, and dense counts.

    References
    ----------
    Tang et al. 2024, <https://doi.org/10.1038/s41592-024-02410-7>; Korsunsky et al. 2019,
    <https://doi.org/10.1038/s41592-019-0619-0>

    Examples
    --------
    >>> import tegula as tg
    >>> tg.tl.cast_project(adata, library_key="section", source="rna", target="protein", label_key="cell_type")
    """
    params = {
        "library_key": library_key,
        "source": source,
        "target": target,
        "use_rep": use_rep,
        "spatial_key": spatial_key,
        "layer": layer,
        "groupby": groupby,
        "label_key": label_key,
        "n_neighbors": n_neighbors,
        "n_votes": n_votes,
        "distance_fold": distance_fold,
        "distance_shift": distance_shift,
        "key_added": key_added,
    }
    seed = seed if random_state is None else random_state
    return run("tl.cast_project", adata, params, seed=seed, copy=copy)


def smooth(
    adata: AnnData,
    key: str = "scc",
    *,
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

    Examples
    --------
    >>> import tegula as tg
    >>> tg.tl.smooth(adata, key="scc", n_neighbors=10)
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
    key: str = "scc",
    *,
    map: str | Sequence[str] = (),
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

    Examples
    --------
    >>> import tegula as tg
    >>> tg.tl.annotate(adata, key="scc", map=["0=DORsm", "1=TEG"], default="other")
    """
    params = {
        "key": key,
        "map": map,
        "default": default,
        "key_added": key_added,
    }
    seed = seed if random_state is None else random_state
    return run("tl.annotate", adata, params, seed=seed, copy=copy)


def rank_genes_groups(
    adata: AnnData,
    groupby: str = "leiden",
    *,
    groups: str | Sequence[str] = (),
    reference: str = "rest",
    n_genes: int | None = None,
    rankby_abs: bool = False,
    pts: bool = False,
    method: Literal["t-test", "t-test_overestim_var", "wilcoxon"] = "t-test",
    corr_method: Literal["benjamini-hochberg", "bonferroni"] = "benjamini-hochberg",
    tie_correct: bool = False,
    layer: str | None = None,
    use_raw: bool | None = None,
    mask_var: str | None = None,
    key_added: str = "rank_genes_groups",
    seed: int = 0,
    random_state: int | None = None,
    copy: bool = False,
) -> AnnData | None:
    """Ranks the genes that mark each group of observations.

    Parameters
    ----------
    adata
        The annotated matrix.
    groupby
        Column of `obs` with the groups.
    groups
        Groups to rank genes for; all where empty.
    reference
        The group to compare with; `rest` compares each group with all other observations.
    n_genes
        Genes to list per group; all where left out.
    rankby_abs
        List by the absolute score, so that genes that are lacking count too.
    pts
        Also store the share of observations that express each gene.
    method
        The test.
    corr_method
        How p-values are corrected for the number of genes.
    tie_correct
        Correct the variance of rank sums for ties (`wilcoxon` only).
    layer
        Layer to use instead of `X`.
    use_raw
        Use `raw.X` instead of `X`; by default where there is one and no layer is named, as scanpy does.
    mask_var
        Flags in `var`: only genes that have it are tested.
    key_added
        Name to store under in `uns`.
    seed
        Seed of all randomness; the result does not depend on the number of threads.
    random_state
        Another name for ``seed``.
    copy
        Return a changed copy instead of changing ``adata``.

    Returns
    -------
    ``None``, or the changed copy if ``copy``. Sets the following fields (with the default names):

    - ``uns["rank_genes_groups"]``

    Notes
    -----
    **What it does**

    Compares every gene's expression in each group with that in all other observations (or in one `reference`
    group) by Wilcoxon's rank-sum test or Welch's t-test, and lists the genes by their score with p-values and
    fold changes.

    **When to use it**

    To name spatial domains and cell types by their markers, after clustering. Expects log-normalised data. Groups
    found in the same data make p-values too small: read them as a ranking.

    **How it works**

    Gene by gene over the transposed matrix. Only non-zero values are sorted; zeros are one block of ties. Moments
    are joined group by group, without cancellation.

    **Determinism**

    No randomness; the same bits for any number of threads. Equal scores go to the lower gene.

    **Cost**

    O(nnz log nnz + genes × groups²) time, one transposed copy of the matrix.

    **Differences from the reference**

    Numbers are scanpy's. Genes of equal score are ordered by position; categories without observations are left
    out; logistic regression is not offered. Observations without a label count among the rest, as in scanpy.

    References
    ----------
    Wilcoxon 1945, <https://doi.org/10.2307/3001968>; Welch 1947, <https://doi.org/10.1093/biomet/34.1-2.28>; Wolf
    et al. 2018, <https://doi.org/10.1186/s13059-017-1382-0>

    Examples
    --------
    >>> import tegula as tg
    >>> tg.tl.rank_genes_groups(adata, groupby="leiden", method="wilcoxon")
    """
    params = {
        "groupby": groupby,
        "groups": groups,
        "reference": reference,
        "n_genes": n_genes,
        "rankby_abs": rankby_abs,
        "pts": pts,
        "method": method,
        "corr_method": corr_method,
        "tie_correct": tie_correct,
        "layer": layer,
        "use_raw": use_raw,
        "mask_var": mask_var,
        "key_added": key_added,
    }
    seed = seed if random_state is None else random_state
    return run("tl.rank_genes_groups", adata, params, seed=seed, copy=copy)


def spatial_autocorr(
    adata: AnnData,
    *,
    mode: Literal["moran", "geary"] = "moran",
    genes: str | Sequence[str] = (),
    attr: Literal["X", "obs", "obsm"] = "X",
    layer: str | None = None,
    connectivity_key: str = "spatial_connectivities",
    transformation: bool = True,
    n_perms: int | None = None,
    two_tailed: bool = False,
    corr_method: Literal["fdr_bh", "bonferroni"] | None = "fdr_bh",
    seed: int = 0,
    random_state: int | None = None,
    copy: bool = False,
) -> AnnData | None:
    """Measures how much each gene varies over the tissue rather than from spot to spot.

    Parameters
    ----------
    adata
        The annotated matrix.
    mode
        The statistic.
    genes
        Genes (columns of `obs`; numbers or names of columns in `obsm`) to measure; where empty the highly
        variable genes if marked, else all.
    attr
        What to measure.
    layer
        Layer to use instead of `X`; where `attr` is `obsm`, the key in it.
    connectivity_key
        The graph in `obsp`.
    transformation
        Divide the weights of each observation by their sum.
    n_perms
        Permutations for p-values by simulation; none where left out.
    two_tailed
        Double the analytic p-values.
    corr_method
        How p-values are corrected for the number of genes; None for not at all.
    seed
        Seed of all randomness; the result does not depend on the number of threads.
    random_state
        Another name for ``seed``.
    copy
        Return a changed copy instead of changing ``adata``.

    Returns
    -------
    ``None``, or the changed copy if ``copy``. Sets the following fields (with the default names):

    - ``uns["moranI"]``

    Notes
    -----
    **What it does**

    Moran's I (1 where neighbours agree, about 0 for noise) or Geary's C (0 where they agree, about 1 for noise)
    of every gene or column of `obs`, on any graph, with p-values.

    **When to use it**

    To find spatially variable genes after `pp.spatial_neighbors`. The analytic p-values need no permutations;
    `pval_rand` also holds for skewed genes, which counts are.

    **How it works**

    Both statistics need `Σ w_ij x_i x_j` only, which is summed over the non-zero values of each gene and their
    neighbours; the rest follows from row and column sums of the weights.

    **Determinism**

    The same bits for any number of threads; each permutation has its own random stream.

    **Cost**

    O(nnz × neighbours) time, `n_perms` times as much more with permutations; one transposed copy of the matrix.

    **Differences from the reference**

    Statistics and analytic p-values are squidpy's, `pval_rand` and `var_rand` are esda's. A permutation relabels
    all observations, as in esda and in the definition of the test; squidpy permutes the rows of the graph alone,
    whose variance under noise is about half as large and whose p-values are too small. Constant genes get NaN and
    do not count in the correction. Self-loops of the graph are dropped.

    References
    ----------
    Moran 1950, <https://doi.org/10.1093/biomet/37.1-2.17>; Geary 1954, <https://doi.org/10.2307/2986645>; Palla
    et al. 2022, <https://doi.org/10.1038/s41592-021-01358-2>; Cliff & Ord 1981, Spatial Processes

    Examples
    --------
    >>> import tegula as tg
    >>> tg.tl.spatial_autocorr(adata, mode="moran")
    """
    params = {
        "mode": mode,
        "genes": genes,
        "attr": attr,
        "layer": layer,
        "connectivity_key": connectivity_key,
        "transformation": transformation,
        "n_perms": n_perms,
        "two_tailed": two_tailed,
        "corr_method": corr_method,
    }
    seed = seed if random_state is None else random_state
    return run("tl.spatial_autocorr", adata, params, seed=seed, copy=copy)


def nhood_enrichment(
    adata: AnnData,
    cluster_key: str = "leiden",
    *,
    library_key: str | None = None,
    connectivity_key: str = "spatial_connectivities",
    n_perms: int = 1000,
    seed: int = 0,
    random_state: int | None = None,
    copy: bool = False,
) -> AnnData | None:
    """Tells which groups of observations are neighbours more often, or less often, than by chance.

    Parameters
    ----------
    adata
        The annotated matrix.
    cluster_key
        Column of `obs` with the groups.
    library_key
        Column of `obs` with the libraries (sections) that labels must not leave.
    connectivity_key
        The graph in `obsp`.
    n_perms
        Permutations.
    seed
        Seed of all randomness; the result does not depend on the number of threads.
    random_state
        Another name for ``seed``.
    copy
        Return a changed copy instead of changing ``adata``.

    Returns
    -------
    ``None``, or the changed copy if ``copy``. Sets the following fields (with the default names):

    - ``uns["leiden_nhood_enrichment"]``

    Notes
    -----
    **What it does**

    Counts the edges of a graph between every two groups and compares each count with what it is after the labels
    are dealt out anew at random: z = (count − mean) / standard deviation.

    **When to use it**

    After `pp.spatial_neighbors`, to see which cell types or domains attract or avoid each other.

    **How it works**

    Every permutation deals all labels anew, with `library_key` within each library only.

    **Determinism**

    The same bits for any number of threads; each permutation has its own random stream.

    **Cost**

    O(`n_perms` × edges) time.

    **Differences from the reference**

    Counts are squidpy's; z-scores agree within the error of sampling. Observations without a label are left out,
    where squidpy fails. Self-loops are not counted.

    References
    ----------
    Palla et al. 2022, <https://doi.org/10.1038/s41592-021-01358-2>

    Examples
    --------
    >>> import tegula as tg
    >>> tg.tl.nhood_enrichment(adata, cluster_key="scc")
    """
    params = {
        "cluster_key": cluster_key,
        "library_key": library_key,
        "connectivity_key": connectivity_key,
        "n_perms": n_perms,
    }
    seed = seed if random_state is None else random_state
    return run("tl.nhood_enrichment", adata, params, seed=seed, copy=copy)


def co_occurrence(
    adata: AnnData,
    cluster_key: str = "leiden",
    *,
    spatial_key: str = "spatial",
    interval: int = 50,
    thresholds: float | Sequence[float] = (),
    seed: int = 0,
    random_state: int | None = None,
    copy: bool = False,
) -> AnnData | None:
    """Tells how much likelier each group is met within a distance of another than anywhere.

    Parameters
    ----------
    adata
        The annotated matrix.
    cluster_key
        Column of `obs` with the groups.
    spatial_key
        Where the positions lie in `obsm`.
    interval
        Number of thresholds, evenly spaced.
    thresholds
        The thresholds themselves, in the unit of the positions; the first one only begins the first interval.
    seed
        Seed of all randomness; the result does not depend on the number of threads.
    random_state
        Another name for ``seed``.
    copy
        Return a changed copy instead of changing ``adata``.

    Returns
    -------
    ``None``, or the changed copy if ``copy``. Sets the following fields (with the default names):

    - ``uns["leiden_co_occurrence"]``

    Notes
    -----
    **What it does**

    For growing distances, the share of group a among all observations within that distance of group b, over the
    share of a among all pairs within it: 1 where b says nothing about a.

    **When to use it**

    To see at which distance cell types or domains go together. Unlike `tl.nhood_enrichment` it needs no graph and
    looks beyond the next neighbours.

    **How it works**

    Pairs are counted by two groups and distance over a tree of boxes: two boxes whose pairs all fall between two
    thresholds are counted at once.

    **Determinism**

    No randomness; pairs are whole numbers; the same bits for any number of threads.

    **Cost**

    About O(thresholds × N^1.5) time, O(N × groups) memory; looking at every pair takes O(N²).

    **Differences from the reference**

    The definition is squidpy's. Distances are compared in 64 bits, where squidpy rounds them to 32, so single
    pairs may fall on the other side of a threshold. By default the thresholds start at the distance between the
    two observations of smallest coordinate sum and end at half that to the one of largest; squidpy takes either
    of the two. Observations without a label are left out; 3-D positions are welcome.

    References
    ----------
    Palla et al. 2022, <https://doi.org/10.1038/s41592-021-01358-2>

    Examples
    --------
    >>> import tegula as tg
    >>> tg.tl.co_occurrence(adata, cluster_key="scc")
    """
    params = {
        "cluster_key": cluster_key,
        "spatial_key": spatial_key,
        "interval": interval,
        "thresholds": thresholds,
    }
    seed = seed if random_state is None else random_state
    return run("tl.co_occurrence", adata, params, seed=seed, copy=copy)


def stagate(
    adata: AnnData,
    *,
    hidden_dims: int | Sequence[int] = (512, 30),
    n_epochs: int = 1000,
    lr: float = 0.001,
    weight_decay: float = 0.0001,
    gradient_clipping: float = 5.0,
    mode: Literal["tied", "pyg"] = "tied",
    layer: str | None = None,
    use_rep: str | None = None,
    use_highly_variable: bool | None = None,
    rad_cutoff: float | None = None,
    k_cutoff: int | None = None,
    delaunay: bool = False,
    neighbors_key: str | None = None,
    library_key: str | None = None,
    rad_cutoff_z: float | None = None,
    library_order: str | Sequence[str] = (),
    spatial_key: str = "spatial",
    num_batch_x: int = 1,
    num_batch_y: int = 1,
    early_stop: float | None = None,
    early_stop_window: int = 50,
    device: Literal["auto", "cpu", "cuda"] = "auto",
    load_weights: str | None = None,
    save_weights: str | None = None,
    checkpoint: str | None = None,
    save_reconstruction: bool = False,
    reconstruction_genes: str | Sequence[str] = (),
    save_loss: bool = False,
    save_spatial_net: bool = False,
    key_added: str = "STAGATE",
    seed: int = 0,
    random_state: int | None = None,
    copy: bool = False,
) -> AnnData | None:
    """Embeds observations by expression and neighbours in the tissue: STAGATE, a graph attention auto-encoder.

    Parameters
    ----------
    adata
        The annotated matrix.
    hidden_dims
        Widths of the hidden layer and of the embedding.
    n_epochs
        Passes over the data at most.
    lr
        Learning rate of Adam.
    weight_decay
        This much of each weight is added to its gradient.
    gradient_clipping
        The longest gradient, all weights together; 0 for no limit.
    mode
        Whether decoder and encoder learn as one.
    layer
        Layer to use instead of `X`.
    use_rep
        Entry of `obsm` to use instead of `X`, as components.
    use_highly_variable
        Use the highly variable genes only; by default where `var["highly_variable"]` is there.
    rad_cutoff
        Neighbours are all within this distance, in the unit of the positions.
    k_cutoff
        Neighbours are so many nearest others.
    delaunay
        Neighbours are those in the Delaunay triangulation.
    neighbors_key
        The graph to use: an entry of `uns` as `pp.spatial_neighbors` writes it, or the name of a graph in `obsp`.
    library_key
        The column of `obs` that tells sections apart: neighbours are sought inside them.
    rad_cutoff_z
        With `library_key`, also join observations of neighbouring sections within this distance in x and y.
    library_order
        The order of the sections for `rad_cutoff_z`; that of the categories or numbers if empty.
    spatial_key
        Where the positions lie in `obsm`.
    num_batch_x
        Tiles along x, trained on in turn.
    num_batch_y
        Tiles along y.
    early_stop
        Stop when the mean loss of a window of epochs is less than this share below that of the window before.
    early_stop_window
        Epochs of such a window.
    device
        Where the network is trained.
    load_weights
        File with weights to begin with (or to apply, with 0 epochs), as `save_weights` writes it.
    save_weights
        File for the weights, in the safetensors format.
    checkpoint
        File to keep the training in while it runs: where it is there already, the training goes on from it.
    save_reconstruction
        Store the rebuilt expression: `layers["STAGATE_ReX"]`, or a table in `obsm` where not all genes are
        rebuilt.
    reconstruction_genes
        Genes to rebuild; all that the network knows if empty.
    save_loss
        Store the loss of every epoch.
    save_spatial_net
        Store the graph as STAGATE's table `uns["Spatial_Net"]`.
    key_added
        Name of the embedding in `obsm`.
    seed
        Seed of all randomness; the result does not depend on the number of threads.
    random_state
        Another name for ``seed``.
    copy
        Return a changed copy instead of changing ``adata``.

    Returns
    -------
    ``None``, or the changed copy if ``copy``. Sets the following fields (with the default names):

    - ``obsm["STAGATE"]``
    - ``uns["stagate"]``

    Notes
    -----
    **What it does**

    Learns to rebuild each observation's expression from a few numbers, which mix its own expression with that of
    its neighbours as far as attention finds them alike. Those numbers are the embedding; what is rebuilt is
    expression freed of noise.

    **When to use it**

    For spatial domains of a tissue with some hundred to a million observations: then `tl.mclust` with model EEE
    on the embedding. Input: log-normalised expression, of a targeted panel all genes, of a whole transcriptome
    some 3,000 highly variable ones. Choose `rad_cutoff` so that an observation has 6 to 15 neighbours. Compare
    with `pp.diffuse`, which needs no training.

    **How it works**

    With U = X W₁, the weight of j for i is a softmax over i's neighbours and itself of sigmoid(`u_j·a_src +
    u_i·a_dst`); H₁ = ELU(A U), Z = H₁ W₂, and back with the same A and the same weights: H₃ = ELU(A Z W₂ᵀ), X̂ =
    H₃ W₁ᵀ. Adam minimises the mean of (X − X̂)². X̂ is never made: `‖X − H₃W₁ᵀ‖² = ‖X‖² − 2⟨U, H₃⟩ + ⟨W₁ᵀW₁,
    H₃ᵀH₃⟩`, and the gradient of W₁ is Xᵀ(dU − cH₃) + cW₁(H₃ᵀH₃): one product with X each way, on its non-zeros
    alone. The graph: within `rad_cutoff`, the `k_cutoff` nearest, Delaunay, or one in `obsp`; if nothing is said,
    `obsp["spatial_connectivities"]`, else the ring of neighbours on a lattice. Several sections: `library_key`,
    joined by `rad_cutoff_z`. With `num_batch_x` and
    `num_batch_y` the tissue is cut into tiles by percentiles of the coordinates, one step of the optimiser each.

    **Determinism**

    Seeded; the same bits for any number of threads. Ctrl-C ends the training and keeps what was learned. With
    `checkpoint` the training is kept in a file, about once a minute and where it ends: after Ctrl-C, a crash or a
    power cut the same command goes on from there and comes to the same bits as in one go. More `n_epochs` train
    it further, other data or parameters are refused. The file stays until you remove it.

    **Cost**

    Per epoch 4 H operations per non-zero, 3.25 (N + G) H², 14 N H D and 6 H per edge (H hidden, D latent width);
    memory beside X as much again, two N × H matrices and 8 N D numbers. CPU seconds per epoch: 0.15 for Visium
    (3,611 × 3,000), 0.3 for 7,765 × 2,000 with 278,000 edges, 26 for a million × 2,000 (5 % non-zero), which
    takes 6.6 GB.

    **Differences from the reference**

    Weights of encoder and decoder are tied, as in the paper: one gradient, one Adam state. The reference in
    PyTorch Geometric shares their storage but keeps two gradients and two states, so that weights move twice per
    step; `mode`
    `pyg` does the same and follows its loss curve. In a directed graph an observation attends to its own neighbours; in
    the reference, and in `pyg`, to those whose neighbour it is. Random numbers differ. Tiles: each has the edges
    of the whole graph inside it.

    References
    ----------
    Dong & Zhang 2022, <https://doi.org/10.1038/s41467-022-29439-6>; Kingma & Ba 2015,
    <https://arxiv.org/abs/1412.6980>

    Examples
    --------
    >>> import tegula as tg
    >>> tg.tl.stagate(adata, rad_cutoff=150, seed=0)
    """
    params = {
        "hidden_dims": hidden_dims,
        "n_epochs": n_epochs,
        "lr": lr,
        "weight_decay": weight_decay,
        "gradient_clipping": gradient_clipping,
        "mode": mode,
        "layer": layer,
        "use_rep": use_rep,
        "use_highly_variable": use_highly_variable,
        "rad_cutoff": rad_cutoff,
        "k_cutoff": k_cutoff,
        "delaunay": delaunay,
        "neighbors_key": neighbors_key,
        "library_key": library_key,
        "rad_cutoff_z": rad_cutoff_z,
        "library_order": library_order,
        "spatial_key": spatial_key,
        "num_batch_x": num_batch_x,
        "num_batch_y": num_batch_y,
        "early_stop": early_stop,
        "early_stop_window": early_stop_window,
        "device": device,
        "load_weights": load_weights,
        "save_weights": save_weights,
        "checkpoint": checkpoint,
        "save_reconstruction": save_reconstruction,
        "reconstruction_genes": reconstruction_genes,
        "save_loss": save_loss,
        "save_spatial_net": save_spatial_net,
        "key_added": key_added,
    }
    seed = seed if random_state is None else random_state
    return run("tl.stagate", adata, params, seed=seed, copy=copy)


def cast_mark(
    adata: AnnData,
    *,
    library_key: str | None = None,
    graph: Literal["voronoi", "delaunay"] = "voronoi",
    n_epochs: int = 400,
    hidden_dim: int = 512,
    n_layers: int = 9,
    alpha: float = 0.1,
    gcn_lambda: float = 1.0,
    lambd: float = 0.001,
    lr: float = 0.001,
    drop_feature: float = 0.3,
    drop_edge: float = 0.5,
    self_loops: bool = False,
    layer: str | None = None,
    use_rep: str | None = None,
    use_highly_variable: bool | None = None,
    spatial_key: str = "spatial",
    n_clusters: int = 20,
    device: Literal["auto", "cpu", "cuda"] = "auto",
    load_weights: str | None = None,
    save_weights: str | None = None,
    checkpoint: str | None = None,
    save_loss: bool = False,
    key_added: str = "X_cast",
    seed: int = 0,
    random_state: int | None = None,
    copy: bool = False,
) -> AnnData | None:
    """Embeds sections so that their observations can be matched (CAST Mark).

    Parameters
    ----------
    adata
        The annotated matrix.
    library_key
        The column of `obs` that tells sections apart; all are one section if not given.
    graph
        Which observations of a section are neighbours.
    n_epochs
        Passes over all sections.
    hidden_dim
        Width of the layers and of the embedding.
    n_layers
        Layers that mix neighbours: more look farther.
    alpha
        The share of an observation's own expression in every layer, 0 to 1.
    gcn_lambda
        How much the layers' weights count: β of layer l is ln(`gcn_lambda` / l + 1).
    lambd
        What correlations between the columns of the embedding weigh in the loss.
    lr
        Learning rate of Adam.
    drop_feature
        The share of genes that a view leaves out.
    drop_edge
        The share of edges that a view leaves out.
    self_loops
        Join every observation to itself in the graph of the embedding, too, as in that of the training.
    layer
        Layer to use instead of `X`.
    use_rep
        Entry of `obsm` to use instead of `X`, as components.
    use_highly_variable
        Use the highly variable genes only; by default where `var["highly_variable"]` is there.
    spatial_key
        Where the positions lie in `obsm`.
    n_clusters
        Groups of the embedding by k-means, stored in `obs["CAST_clusters"]`; 0 for none.
    device
        Where the network is trained.
    load_weights
        File with weights to begin with (or to apply, with 0 epochs), as `save_weights` writes it.
    save_weights
        File for the weights, in the safetensors format.
    checkpoint
        File to keep the training in while it runs: where it is there already, the training goes on from it.
    save_loss
        Store the loss of every epoch.
    key_added
        Name of the embedding in `obsm`.
    seed
        Seed of all randomness; the result does not depend on the number of threads.
    random_state
        Another name for ``seed``.
    copy
        Return a changed copy instead of changing ``adata``.

    Returns
    -------
    ``None``, or the changed copy if ``copy``. Sets the following fields (with the default names):

    - ``obsm["X_cast"]``
    - ``uns["cast_mark"]``
    - ``obs["CAST_clusters"]``

    Notes
    -----
    **What it does**

    Learns, without labels, to describe every observation by what surrounds it in the tissue, so that observations
    at corresponding places of different sections, donors or technologies get similar numbers. k-means on them
    gives regions of the tissue.

    **When to use it**

    Before sections are aligned (`tl.cast_stack`), and for regions that sections share; one section alone is
    welcome. Sections have to share their genes; input is expression normalised to 10,000 per observation, best
    logged (the paper does not log; on STARmap's visual cortex k-means then agrees with the layers by an ARI of
    0.56, logged 0.64); of a whole transcriptome the highly variable genes. For sections of different technologies
    give `pp.harmony`'s components as
    `use_rep`.

    **How it works**

    The graph of each section joins cells that border on each other. An encoder makes H₀ = ReLU(X W + b);
    `n_layers` layers of GCNII follow: Z = (1 − α) D^-½ A D^-½ H + α H₀, H ← ReLU(Z ((1 − β) I + β Wₗ) + bₗ) with
    β = ln(λ/l + 1). Every step looks at two views of a section: genes dropped with `drop_feature` (the same of
    all observations), edges with
    `drop_edge`, each observation joined to itself. With the columns of both outputs standardised, the loss
    −tr(Z₁ᵀZ₂)/N + `lambd` (‖I − Z₁ᵀZ₁/N‖² + ‖I − Z₂ᵀZ₂/N‖²) asks that both views agree and that columns differ
    (CCA-SSG). Adam makes one step per section and epoch on weights that all sections share. The embedding is the
    last layer on the whole graph.

    **Determinism**

    Seeded; the same bits for any number of threads. Ctrl-C ends the training and keeps what was learned. With
    `checkpoint` the training is kept in a file, about once a minute and where it ends: after Ctrl-C, a crash or a
    power cut the same command goes on from there and comes to the same bits as in one go. More `n_epochs` train
    it further, other data or parameters are refused. The file stays until you remove it.

    **Cost**

    Per epoch 12 N L H² operations (H hidden, L layers) and little else; memory for the largest section 8 N H (L +
    4) bytes. Two sections of 1,207 and 1,086 cells × 1,020 genes: one CPU second per epoch, 160 MB in all.

    **Differences from the reference**

    None in the mathematics: as there, the gradients of the sections add up within an epoch while every section is
    followed by a step of Adam, training joins every observation to itself and the embedding does not
    (`self_loops`). The reference logs the loss of the last section, this step the mean. A column that does not
    vary is 0 and gives no gradient; there it is divided by 1e-12. Random numbers differ. k-means is that of
    `tl.kmeans`.

    References
    ----------
    Tang et al. 2024, <https://doi.org/10.1038/s41592-024-02410-7>; Chen et al. 2020 (GCNII),
    <https://arxiv.org/abs/2007.02133>; Zhang et al. 2021 (CCA-SSG), <https://arxiv.org/abs/2106.12484>

    Examples
    --------
    >>> import tegula as tg
    >>> tg.tl.cast_mark(adata, library_key="section", n_clusters=10)
    """
    params = {
        "library_key": library_key,
        "graph": graph,
        "n_epochs": n_epochs,
        "hidden_dim": hidden_dim,
        "n_layers": n_layers,
        "alpha": alpha,
        "gcn_lambda": gcn_lambda,
        "lambd": lambd,
        "lr": lr,
        "drop_feature": drop_feature,
        "drop_edge": drop_edge,
        "self_loops": self_loops,
        "layer": layer,
        "use_rep": use_rep,
        "use_highly_variable": use_highly_variable,
        "spatial_key": spatial_key,
        "n_clusters": n_clusters,
        "device": device,
        "load_weights": load_weights,
        "save_weights": save_weights,
        "checkpoint": checkpoint,
        "save_loss": save_loss,
        "key_added": key_added,
    }
    seed = seed if random_state is None else random_state
    return run("tl.cast_mark", adata, params, seed=seed, copy=copy)


morans_i = spatial_autocorr
