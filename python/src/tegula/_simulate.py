"""Tissues whose domains are known.

Made by `cargo xtask gen` from the registry of methods; do not edit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from ._bridge import make

if TYPE_CHECKING:
    from anndata import AnnData


def simulate(
    *,
    n_obs: int = 10000,
    n_vars: int = 2000,
    n_domains: int = 7,
    n_sections: int = 1,
    domains: Literal["layered", "voronoi"] = "layered",
    placement: Literal["grid", "hex", "random"] = "grid",
    border_noise: float = 0.0,
    density: float = 0.05,
    n_markers: int | None = None,
    fold_change: float = 4.0,
    dispersion: float = 0.5,
    mean_sigma: float = 1.0,
    library_sigma: float = 0.3,
    seed: int = 0,
    random_state: int | None = None,
) -> AnnData:
    """Makes a tissue: counts of genes at positions, in domains that are known.

    Parameters
    ----------
    n_obs
        Observations, all sections together.
    n_vars
        Genes.
    n_domains
        Domains.
    n_sections
        Sections, as equal in size as can be.
    domains
        What domains look like.
    placement
        Where observations lie.
    border_noise
        How far (standard deviation, in units of the distance between neighbours) an observation may be from the
        place that gives it its domain: 0 for sharp borders.
    density
        Share of non-zeros among the counts.
    n_markers
        Genes that mark each domain; if not given, half of all genes but at most 50 per domain.
    fold_change
        How many times more a marker is expressed in its domain.
    dispersion
        Dispersion φ of the counts, whose variance is μ + φμ².
    mean_sigma
        Standard deviation of the logarithm of the genes' means.
    library_sigma
        Standard deviation of the logarithm of the observations' library sizes.
    seed
        Seed of all randomness; the result does not depend on the number of threads.
    random_state
        Another name for ``seed``.

    Returns
    -------
    The tissue: counts in ``X``, the truth in ``obs["domain"]``, positions in ``obsm["spatial"]``.

    Notes
    -----
    **What it does**

    Puts observations on a lattice or at random, parts the tissue into domains, and draws counts of genes, some of
    which mark a domain.

    **When to use it**

    For runs of any size, to see how long a pipeline takes and how well it finds domains that are known. Real
    tissues are less regular: a method that fails here fails there, not the other way round.

    **How it works**

    - Gene g has the mean `m`, log-normal over genes (`mean_sigma`); in the domain it marks, `fold_change` times
    that. Observation i has the library size `s`, log-normal with mean 1 (`library_sigma`).
    - The count is negative binomial with mean μ = sm and variance μ + φμ² (`dispersion` φ), as a gamma-mixed
    Poisson number is. All means are scaled so that the share of non-zeros, on average over library sizes and
    domains, is `density`.
    - No variate is drawn for a count that is zero. A negative binomial number is a Poisson number of clusters
    whose sizes are logarithmic (Quenouille 1949): the rate is ln(1 + φμ)/φ, and P(size k) ∝ pᵏ/k with p = φμ/(1 +
    φμ). The sum of Poisson numbers is Poisson, so the clusters of all genes of an observation are drawn as one
    number and dealt to genes by an alias table of their domain. The table is made for s = 1; as ln(1 + sx) ≤
    max(1, s)·ln(1 + x), max(1, s) times as many clusters are drawn and each is kept with the ratio of the two.
    Thinning a Poisson process so is exact: counts of different genes are independent and exactly negative
    binomial.
    - `layered` domains are bands of the same number of observations, gently curved; `voronoi` domains are the
    observations nearest to sites among them. `border_noise` moves each observation before its domain is looked
    up.
    - Sections are slices through one tissue: the same sites, the same genes, observations of their own.

    **Determinism**

    The same bits for any number of threads: every observation has its own random stream.

    **Cost**

    O(non-zeros) time, not observations × genes; beside the result, less than 100 MB. 10⁸ non-zeros take seconds.

    **Differences from the reference**

    There is none: the model is the one that scanpy's and squidpy's users know from Splat (Zappia et al. 2017)
    without its outlier genes and its dropout.

    References
    ----------
    Quenouille 1949, Biometrics 5, 162; Kemp 1981, <https://doi.org/10.2307/2346348>; Vose 1991,
    <https://doi.org/10.1109/32.92917>; Zappia et al. 2017, <https://doi.org/10.1186/s13059-017-1305-0>

    Examples
    --------
    >>> import tegula as tg
    >>> tg.simulate(n_obs=500, n_vars=100, seed=1).shape
    (500, 100)
    """
    params = {
        "n_obs": n_obs,
        "n_vars": n_vars,
        "n_domains": n_domains,
        "n_sections": n_sections,
        "domains": domains,
        "placement": placement,
        "border_noise": border_noise,
        "density": density,
        "n_markers": n_markers,
        "fold_change": fold_change,
        "dispersion": dispersion,
        "mean_sigma": mean_sigma,
        "library_sigma": library_sigma,
    }
    seed = seed if random_state is None else random_state
    return make(params, seed=seed)
