"""Preprocessing.

Made by `cargo xtask gen` from the registry of methods; do not edit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from ._bridge import run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anndata import AnnData

__all__ = [
    "bin",
    "calculate_qc_metrics",
    "combat",
    "copy_layer",
    "diffuse",
    "filter_cells",
    "filter_genes",
    "harmony",
    "harmony_integrate",
    "highly_variable_genes",
    "hvg",
    "log1p",
    "neighbors",
    "normalize",
    "normalize_pearson_residuals",
    "normalize_total",
    "pca",
    "qc",
    "sample",
    "scale",
    "spatial_neighbors",
    "subsample",
]


def calculate_qc_metrics(
    adata: AnnData,
    *,
    qc_vars: str | Sequence[str] = (),
    qc_prefixes: str | Sequence[str] = (),
    percent_top: int | Sequence[int] = (50, 100, 200, 500),
    log1p: bool = True,
    layer: str | None = None,
    seed: int = 0,
    random_state: int | None = None,
    copy: bool = False,
) -> AnnData | None:
    """Describes each observation and each gene: totals, numbers expressed, shares.

    Parameters
    ----------
    adata
        The annotated matrix.
    qc_vars
        Columns of flags in `var` (as `mt`): the share of each such group of genes is told per observation.
    qc_prefixes
        Groups of genes by the beginning of their names, as `mt=MT-` (upper or lower case): marked in `var` and
        told like
        `qc_vars`.
    percent_top
        For each number here: the share of that many strongest genes.
    log1p
        Add the logarithm of counts and means.
    layer
        Layer to use instead of `X`.
    seed
        Seed of all randomness; the result does not depend on the number of threads.
    random_state
        Another name for ``seed``.
    copy
        Return a changed copy instead of changing ``adata``.

    Returns
    -------
    ``None``, or the changed copy if ``copy``. Sets the following fields (with the default names):

    - ``obs["n_genes_by_counts"]``
    - ``obs["log1p_n_genes_by_counts"]``
    - ``obs["total_counts"]``
    - ``obs["log1p_total_counts"]``
    - ``obs["pct_counts_in_top_50_genes"]``
    - ``obs["pct_counts_in_top_100_genes"]``
    - ``obs["pct_counts_in_top_200_genes"]``
    - ``obs["pct_counts_in_top_500_genes"]``
    - ``var["n_cells_by_counts"]``
    - ``var["pct_dropout_by_counts"]``
    - ``var["mean_counts"]``
    - ``var["log1p_mean_counts"]``
    - ``var["total_counts"]``
    - ``var["log1p_total_counts"]``

    Notes
    -----
    **What it does**

    Per observation: expressed genes, total counts, the share of its strongest genes and of marked genes
    (mitochondrial, say). Per gene: expressing observations, mean, dropout, total.

    **When to use it**

    First of all, on raw counts, to choose the thresholds of `pp.filter_cells` and `pp.filter_genes`.

    **How it works**

    Two passes over the matrix; sums in `f64`. Shares of an empty observation are NaN.

    **Determinism**

    The same bits for any number of threads.

    **Cost**

    O(non-zeros), and a partial selection per observation for the strongest genes.

    **Differences from the reference**

    Numbers and names are scanpy's; `qc_prefixes` is extra. scanpy fails where `percent_top` asks for more genes
    than there are; here those are left out with a warning.

    References
    ----------
    scater, Bioinformatics 2017, doi:10.1093/bioinformatics/btw777.

    Examples
    --------
    >>> import tegula as tg
    >>> tg.pp.calculate_qc_metrics(adata, qc_prefixes="mt=MT-")
    """
    params = {
        "qc_vars": qc_vars,
        "qc_prefixes": qc_prefixes,
        "percent_top": percent_top,
        "log1p": log1p,
        "layer": layer,
    }
    seed = seed if random_state is None else random_state
    return run("pp.calculate_qc_metrics", adata, params, seed=seed, copy=copy)


def filter_cells(
    adata: AnnData,
    *,
    min_genes: int | None = None,
    max_genes: int | None = None,
    min_counts: float | None = None,
    max_counts: float | None = None,
    subset: bool = True,
    seed: int = 0,
    random_state: int | None = None,
    copy: bool = False,
) -> AnnData | None:
    """Drops observations with too few or too many genes or counts.

    Parameters
    ----------
    adata
        The annotated matrix.
    min_genes
        Keep observations that express at least this many genes.
    max_genes
        Keep observations that express at most this many genes.
    min_counts
        Keep observations with at least this many counts.
    max_counts
        Keep observations with at most this many counts.
    subset
        Drop the others; `false` only marks those that pass, in `obs["pass_filter"]`.
    seed
        Seed of all randomness; the result does not depend on the number of threads.
    random_state
        Another name for ``seed``.
    copy
        Return a changed copy instead of changing ``adata``.

    Returns
    -------
    ``None``, or the changed copy if ``copy``. Sets the following fields (with the default names):

    - ``obs_names``
    - ``obs["n_genes"]``
    - ``obs["n_counts"]``

    Notes
    -----
    **What it does**

    Counts, for each observation (cell, spot, bin), its expressed genes and its total counts, and keeps those
    within all thresholds given.

    **When to use it**

    First, on raw counts: to drop spots beside the tissue and damaged cells.

    **How it works**

    One pass over the matrix. A gene is expressed where its value is above zero. Thresholds are inclusive.

    **Determinism**

    Exact.

    **Cost**

    O(non-zeros).

    **Differences from the reference**

    scanpy takes one threshold per call; here any number holds at once.

    References
    ----------
    Wolf et al., SCANPY, Genome Biology 2018, doi:10.1186/s13059-017-1382-0.

    Examples
    --------
    >>> import tegula as tg
    >>> tg.pp.filter_cells(adata, min_genes=10)
    """
    params = {
        "min_genes": min_genes,
        "max_genes": max_genes,
        "min_counts": min_counts,
        "max_counts": max_counts,
        "subset": subset,
    }
    seed = seed if random_state is None else random_state
    return run("pp.filter_cells", adata, params, seed=seed, copy=copy)


def filter_genes(
    adata: AnnData,
    *,
    min_cells: int | None = None,
    max_cells: int | None = None,
    min_counts: float | None = None,
    max_counts: float | None = None,
    subset: bool = True,
    seed: int = 0,
    random_state: int | None = None,
    copy: bool = False,
) -> AnnData | None:
    """Drops genes seen in too few or too many observations.

    Parameters
    ----------
    adata
        The annotated matrix.
    min_cells
        Keep genes expressed in at least this many observations.
    max_cells
        Keep genes expressed in at most this many observations.
    min_counts
        Keep genes with at least this many counts in all.
    max_counts
        Keep genes with at most this many counts in all.
    subset
        Drop the others; `false` only marks those that pass, in `var["pass_filter"]`.
    seed
        Seed of all randomness; the result does not depend on the number of threads.
    random_state
        Another name for ``seed``.
    copy
        Return a changed copy instead of changing ``adata``.

    Returns
    -------
    ``None``, or the changed copy if ``copy``. Sets the following fields (with the default names):

    - ``var_names``
    - ``var["n_cells"]``
    - ``var["n_counts"]``

    Notes
    -----
    **What it does**

    Counts, for each gene, the observations that express it and its total counts, and keeps the genes within all
    thresholds given.

    **When to use it**

    First, on raw counts: genes seen in a handful of spots carry noise only and cost time everywhere after.

    **How it works**

    One pass over the matrix. A gene is expressed where its value is above zero. Thresholds are inclusive.

    **Determinism**

    Exact.

    **Cost**

    O(non-zeros), a few milliseconds per million.

    **Differences from the reference**

    scanpy takes one threshold per call; here any number holds at once.

    References
    ----------
    Wolf et al., SCANPY, Genome Biology 2018, doi:10.1186/s13059-017-1382-0.

    Examples
    --------
    >>> import tegula as tg
    >>> tg.pp.filter_genes(adata, min_cells=3)
    """
    params = {
        "min_cells": min_cells,
        "max_cells": max_cells,
        "min_counts": min_counts,
        "max_counts": max_counts,
        "subset": subset,
    }
    seed = seed if random_state is None else random_state
    return run("pp.filter_genes", adata, params, seed=seed, copy=copy)


def copy_layer(
    adata: AnnData,
    *,
    layer: str | None = None,
    key_added: str = "counts",
    seed: int = 0,
    random_state: int | None = None,
    copy: bool = False,
) -> AnnData | None:
    """Keeps the expression as it is in a layer, before it is changed.

    Parameters
    ----------
    adata
        The annotated matrix.
    layer
        Layer to copy instead of `X`.
    key_added
        Name of the copy among the layers.
    seed
        Seed of all randomness; the result does not depend on the number of threads.
    random_state
        Another name for ``seed``.
    copy
        Return a changed copy instead of changing ``adata``.

    Returns
    -------
    ``None``, or the changed copy if ``copy``. Sets the following fields (with the default names):

    - ``layers["counts"]``

    Notes
    -----
    **What it does**

    Copies `X`, or a layer, into `layers[key_added]`.

    **When to use it**

    Before `pp.normalize_total`, where raw counts are wanted later: by `pp.highly_variable_genes` (`seurat_v3`),
    by
    `tl.cast_project`, by other tools.

    **How it works**

    The values are copied, so that a change in place of one does not reach the other.

    **Determinism**

    Exact.

    **Cost**

    O(non-zeros); 4 bytes for each.

    **Differences from the reference**

    scanpy's users write `adata.layers["counts"] = adata.X.copy()`.

    References
    ----------
    Wolf et al., SCANPY, Genome Biology 2018, doi:10.1186/s13059-017-1382-0.

    Examples
    --------
    >>> import tegula as tg
    >>> tg.pp.copy_layer(adata, key_added="counts")
    """
    params = {
        "layer": layer,
        "key_added": key_added,
    }
    seed = seed if random_state is None else random_state
    return run("pp.copy_layer", adata, params, seed=seed, copy=copy)


def normalize_total(
    adata: AnnData,
    target_sum: float | None = None,
    *,
    layer: str | None = None,
    key_added: str | None = None,
    seed: int = 0,
    random_state: int | None = None,
    copy: bool = False,
) -> AnnData | None:
    """Divides each observation by its size factor, so that all have the same total.

    Parameters
    ----------
    adata
        The annotated matrix.
    target_sum
        Total of every observation afterwards; by default the median total of those that are not empty.
    layer
        Layer to normalise instead of `X`.
    key_added
        Column of `obs` for the size factors; by default they are not kept.
    seed
        Seed of all randomness; the result does not depend on the number of threads.
    random_state
        Another name for ``seed``.
    copy
        Return a changed copy instead of changing ``adata``.

    Returns
    -------
    ``None``, or the changed copy if ``copy``. Sets the following fields (with the default names):

    - ``X``

    Notes
    -----
    **What it does**

    Row i is divided by its size factor s = (total of i) / target. The target is `target_sum`, or the median total
    of the observations that are not empty.

    **When to use it**

    On raw counts, before `pp.log1p`, to take differing depths (or captured areas) out of the comparison.

    **How it works**

    Totals are summed in `f64`; values change in place. Empty observations keep s = 1, and a warning tells how
    many there are.

    **Determinism**

    Exact.

    **Cost**

    O(non-zeros), at the speed of the memory. No second copy of the matrix unless somebody else holds it.

    **Differences from the reference**

    scanpy 1.11 takes empty observations into the median for sparse matrices and not for dense ones; here they are
    never counted. `exclude_highly_expressed` is not offered.

    References
    ----------
    Weinreb et al., Bioinformatics 2018, doi:10.1093/bioinformatics/btx792.

    Examples
    --------
    >>> import tegula as tg
    >>> tg.pp.normalize_total(adata, target_sum=10000)
    """
    params = {
        "target_sum": target_sum,
        "layer": layer,
        "key_added": key_added,
    }
    seed = seed if random_state is None else random_state
    return run("pp.normalize_total", adata, params, seed=seed, copy=copy)


def log1p(
    adata: AnnData,
    *,
    base: float | None = None,
    layer: str | None = None,
    seed: int = 0,
    random_state: int | None = None,
    copy: bool = False,
) -> AnnData | None:
    """Takes the logarithm of 1 + x.

    Parameters
    ----------
    adata
        The annotated matrix.
    base
        Base of the logarithm; by default e.
    layer
        Layer to change instead of `X`.
    seed
        Seed of all randomness; the result does not depend on the number of threads.
    random_state
        Another name for ``seed``.
    copy
        Return a changed copy instead of changing ``adata``.

    Returns
    -------
    ``None``, or the changed copy if ``copy``. Sets the following fields (with the default names):

    - ``X``
    - ``uns["log1p"]``

    Notes
    -----
    **What it does**

    x ← ln(1 + x), or the logarithm to `base`.

    **When to use it**

    After `pp.normalize_total`: it makes the variance of a gene depend less on its mean.

    **How it works**

    In place where nobody else holds the values; zeros stay zeros, so a sparse matrix stays as sparse as it is.
    Where `uns["log1p"]` tells that it was done before, a warning is given.

    **Determinism**

    Exact.

    **Cost**

    O(non-zeros).

    **Differences from the reference**

    Negative values are refused (scanpy makes NaN of those below −1). Values are within 0.9 units in the last
    place of `f32`.

    References
    ----------
    Wolf et al., SCANPY, Genome Biology 2018, doi:10.1186/s13059-017-1382-0.

    Examples
    --------
    >>> import tegula as tg
    >>> tg.pp.log1p(adata)
    """
    params = {
        "base": base,
        "layer": layer,
    }
    seed = seed if random_state is None else random_state
    return run("pp.log1p", adata, params, seed=seed, copy=copy)


def highly_variable_genes(
    adata: AnnData,
    *,
    n_top_genes: int | None = None,
    min_mean: float = 0.0125,
    max_mean: float = 3.0,
    min_disp: float = 0.5,
    max_disp: float | None = None,
    span: float = 0.3,
    n_bins: int = 20,
    flavor: Literal["seurat", "cell_ranger", "seurat_v3", "seurat_v3_paper", "pearson_residuals"] = "seurat",
    theta: float = 100.0,
    clip: float | None = None,
    batch_key: str | None = None,
    subset: bool = False,
    layer: str | None = None,
    seed: int = 0,
    random_state: int | None = None,
    copy: bool = False,
) -> AnnData | None:
    """Marks the genes that vary more than others of the same mean.

    Parameters
    ----------
    adata
        The annotated matrix.
    n_top_genes
        Number of genes to mark; the cut-offs below are ignored then. By default the cut-offs decide; `seurat_v3`
        marks 2000; `pearson_residuals` needs to be told.
    min_mean
        Lowest mean (`seurat`: ln(1 + mean)), exclusive.
    max_mean
        Highest mean (`seurat`: ln(1 + mean)), exclusive.
    min_disp
        Lowest normalised dispersion, exclusive.
    max_disp
        Highest normalised dispersion, exclusive; by default there is no limit.
    span
        `seurat_v3`: the share of genes that each local fit looks at.
    n_bins
        `seurat`: number of bins of the mean.
    flavor
        How variability is judged.
    theta
        `pearson_residuals`: the larger, the closer the counts are to a Poisson distribution.
    clip
        `pearson_residuals`: residuals beyond this are set to it; by default √(number of observations).
    batch_key
        Column of `obs` with batches, to judge each by itself.
    subset
        Drop the other genes.
    layer
        Layer to use instead of `X`.
    seed
        Seed of all randomness; the result does not depend on the number of threads.
    random_state
        Another name for ``seed``.
    copy
        Return a changed copy instead of changing ``adata``.

    Returns
    -------
    ``None``, or the changed copy if ``copy``. Sets the following fields (with the default names):

    - ``var["highly_variable"]``
    - ``var["highly_variable_rank"]``
    - ``var["means"]``
    - ``var["dispersions"]``
    - ``var["dispersions_norm"]``
    - ``uns["hvg"]``

    Notes
    -----
    **What it does**

    Judges how much each gene varies beyond what its mean explains, and marks the top `n_top_genes`, or those
    within the cut-offs; with `batch_key` in each batch by itself, so that differences between batches choose no
    gene.

    **When to use it**

    Before `pp.pca`: the components then follow the genes that tell regions apart. `seurat` and `cell_ranger` on
    normalised, logged data; `seurat_v3` and `pearson_residuals` on raw counts.

    **How it works**

    - `seurat`: mean and variance of expm1(x) per gene; dispersion = ln(variance / mean); genes fall into `n_bins`
    bins of equal width of ln(1 + mean); the dispersion is centred and divided by the standard deviation (ddof 1)
    of its bin. A gene alone in its bin gets 1.
    - `cell_ranger`: dispersion = variance / mean of x; bins between the 10th, 15th, … percentiles of the mean;
    the dispersion minus the bin's median, divided by its median absolute deviation.
    - `seurat_v3`: loess (degree 2, `span`) of log10 variance on log10 mean gives each gene's expected variance;
    counts are standardised by it, clipped at √n, and their variance ranks the genes. Among batches the median
    rank decides, then the number of batches with the gene on top; for `seurat_v3_paper` the other way round.
    - `pearson_residuals`: the variance of (x − μ) / √(μ + μ²/`theta`), clipped at `clip`, where μ is the product
    of the gene's and the observation's share of all counts. Among batches the number of batches decides, then the
    median rank.

    Among batches of `seurat` and `cell_ranger` the number of batches decides, then the mean normalised
    dispersion, then the name.

    **Determinism**

    The same bits for any number of threads.

    **Cost**

    O(non-zeros), for every flavour; no copy of the matrix.

    **Differences from the reference**

    Equal to scanpy 1.11 up to rounding, including the interpolation inside its loess. The rank column of `seurat`
    and
    `cell_ranger` is extra. Equal scores of `seurat_v3` and `pearson_residuals` rank in the order of the genes (in
    scanpy as its sort leaves them). With batches, `pearson_residuals` clips at √n of each batch (scanpy at that
    of the first). Where loess has too few distinct means for a parabola it fits less (scanpy stops).

    References
    ----------
    Satija et al., Nature Biotechnology 2015, doi:10.1038/nbt.3192; Zheng et al., Nature Communications 2017,
    doi:10.1038/ncomms14049; Stuart et al., Cell 2019, doi:10.1016/j.cell.2019.05.031; Lause et al., Genome
    Biology 2021, doi:10.1186/s13059-021-02451-7; Cleveland & Grosse, Statistics and Computing 1991,
    doi:10.1007/BF01890836.

    Examples
    --------
    >>> import tegula as tg
    >>> tg.pp.highly_variable_genes(adata, n_top_genes=2000)
    """
    params = {
        "n_top_genes": n_top_genes,
        "min_mean": min_mean,
        "max_mean": max_mean,
        "min_disp": min_disp,
        "max_disp": max_disp,
        "span": span,
        "n_bins": n_bins,
        "flavor": flavor,
        "theta": theta,
        "clip": clip,
        "batch_key": batch_key,
        "subset": subset,
        "layer": layer,
    }
    seed = seed if random_state is None else random_state
    return run("pp.highly_variable_genes", adata, params, seed=seed, copy=copy)


def normalize_pearson_residuals(
    adata: AnnData,
    *,
    theta: float = 100.0,
    clip: float | None = None,
    layer: str | None = None,
    seed: int = 0,
    random_state: int | None = None,
    copy: bool = False,
) -> AnnData | None:
    """Replaces counts by how far they lie from what totals alone explain.

    Parameters
    ----------
    adata
        The annotated matrix.
    theta
        Overdispersion: the larger, the closer the counts are to a Poisson distribution.
    clip
        Residuals beyond this are set to it; by default √(number of observations).
    layer
        Layer to normalise instead of `X`.
    seed
        Seed of all randomness; the result does not depend on the number of threads.
    random_state
        Another name for ``seed``.
    copy
        Return a changed copy instead of changing ``adata``.

    Returns
    -------
    ``None``, or the changed copy if ``copy``. Sets the following fields (with the default names):

    - ``X``
    - ``uns["pearson_residuals_normalization"]``

    Notes
    -----
    **What it does**

    Turns raw counts into Pearson residuals of a model in which a count depends on the total of its observation
    and on that of its gene only: size and mean are gone, what is left is of about the same variance for every
    gene.

    **When to use it**

    On raw counts, instead of `pp.normalize_total` and `pp.log1p`, before `pp.pca`. The result has a value for
    every entry: keep the variable genes first (`pp.highly_variable_genes` with `flavor = "pearson_residuals"` and
    `subset`).

    **How it works**

    μ = total of the observation · total of the gene / total of all; residual = (x − μ) / √(μ + μ²/θ), clipped at
    ±`clip`.

    **Determinism**

    The same bits for any number of threads.

    **Cost**

    O(observations × genes) time and memory.

    **Differences from the reference**

    As scanpy's, up to rounding (scanpy multiplies the totals in `f32`). Observations and genes without any count
    get 0 (NaN there).

    References
    ----------
    Lause et al., Genome Biology 2021, doi:10.1186/s13059-021-02451-7.

    Examples
    --------
    >>> import tegula as tg
    >>> tg.pp.normalize_pearson_residuals(adata)
    """
    params = {
        "theta": theta,
        "clip": clip,
        "layer": layer,
    }
    seed = seed if random_state is None else random_state
    return run("pp.normalize_pearson_residuals", adata, params, seed=seed, copy=copy)


def scale(
    adata: AnnData,
    *,
    zero_center: bool = True,
    max_value: float | None = None,
    layer: str | None = None,
    mask_obs: str | None = None,
    seed: int = 0,
    random_state: int | None = None,
    copy: bool = False,
) -> AnnData | None:
    """Gives every gene mean 0 and variance 1.

    Parameters
    ----------
    adata
        The annotated matrix.
    zero_center
        Subtract the mean; without it a sparse matrix stays sparse.
    max_value
        Values beyond this, in standard deviations, are set to it; by default there is no limit.
    layer
        Layer to scale instead of `X`.
    mask_obs
        Column of flags in `obs`: only these observations are looked at and scaled.
    seed
        Seed of all randomness; the result does not depend on the number of threads.
    random_state
        Another name for ``seed``.
    copy
        Return a changed copy instead of changing ``adata``.

    Returns
    -------
    ``None``, or the changed copy if ``copy``. Sets the following fields (with the default names):

    - ``X``
    - ``var["mean"]``
    - ``var["std"]``

    Notes
    -----
    **What it does**

    Subtracts each gene's mean and divides by its standard deviation, so that all genes weigh the same.

    **When to use it**

    On logged data of the variable genes, before `pp.pca`, where strong genes should not dominate. `pp.pca`
    centres by itself without making the matrix dense: scaling is a choice, not a need.

    **How it works**

    Mean and variance (ddof 1) of each gene; (x − mean) / std; values beyond ±`max_value` are set to it. A gene
    that never varies is divided by 1. With `zero_center = false` only the division is made, zeros stay zeros and
    a sparse matrix stays sparse; then `max_value` limits from above only.

    **Determinism**

    The same bits for any number of threads.

    **Cost**

    O(observations × genes) time and memory where centred (of a dense matrix), else O(non-zeros) in place.

    **Differences from the reference**

    As scanpy's, which gives `f64` where it makes a sparse matrix dense; with a mask a centred sparse matrix
    becomes dense here, and stays sparse with every value stored there.

    References
    ----------
    Wolf et al., SCANPY, Genome Biology 2018, doi:10.1186/s13059-017-1382-0.

    Examples
    --------
    >>> import tegula as tg
    >>> tg.pp.scale(adata)
    """
    params = {
        "zero_center": zero_center,
        "max_value": max_value,
        "layer": layer,
        "mask_obs": mask_obs,
    }
    seed = seed if random_state is None else random_state
    return run("pp.scale", adata, params, seed=seed, copy=copy)


def combat(
    adata: AnnData,
    key: str = "batch",
    *,
    covariates: str | Sequence[str] = (),
    seed: int = 0,
    random_state: int | None = None,
    copy: bool = False,
) -> AnnData | None:
    """Removes differences of mean and variance between batches (`ComBat`).

    Parameters
    ----------
    adata
        The annotated matrix.
    key
        Column of `obs` with the batches.
    covariates
        Columns of `obs` whose differences are to be kept: numbers or categories.
    seed
        Seed of all randomness; the result does not depend on the number of threads.
    random_state
        Another name for ``seed``.
    copy
        Return a changed copy instead of changing ``adata``.

    Returns
    -------
    ``None``, or the changed copy if ``copy``. Sets the following fields (with the default names):

    - ``X``

    Notes
    -----
    **What it does**

    Brings each gene to the same mean and variance in every batch, where what is particular to a batch is
    estimated from all genes together: genes with little evidence are corrected less.

    **When to use it**

    On logged data of several sections or donors whose composition is alike, before `pp.pca`. Where the
    composition differs, name what differs in `covariates`, or that difference is removed too.

    **How it works**

    A linear model of batches and covariates per gene gives overall mean and pooled variance; the standardised
    data of each batch have a mean γ and a variance δ per gene. With a normal prior for γ and an inverse gamma
    prior for δ, whose parameters come from the moments over all genes, both are iterated to their posterior mean
    (until no change is above 1e-4); the data are adjusted by them.

    **Determinism**

    The same bits for any number of threads.

    **Cost**

    O(observations × genes) time and memory, three passes. Each round of the iteration is O(genes).

    **Differences from the reference**

    As scanpy's, except that genes that do not vary are set aside. In scanpy a single one of them ends the
    iteration after the first round (a quotient of zeros), and they take part in the priors; filter them out there
    for the same numbers. Batches of one observation, missing values, and covariates that the batches determine
    are refused.

    References
    ----------
    Johnson et al., Biostatistics 2007, doi:10.1093/biostatistics/kxj037.

    Examples
    --------
    >>> import tegula as tg
    >>> tg.pp.combat(adata, key="batch")
    """
    params = {
        "key": key,
        "covariates": covariates,
    }
    seed = seed if random_state is None else random_state
    return run("pp.combat", adata, params, seed=seed, copy=copy)


def harmony(
    adata: AnnData,
    key: str | Sequence[str] = (),
    *,
    use_rep: str = "X_pca",
    n_pcs: int | None = None,
    key_added: str = "X_pca_harmony",
    theta: float | Sequence[float] = (2.0,),
    lamb: float = 1.0,
    sigma: float = 0.1,
    n_clusters: int | None = None,
    tau: float = 0.0,
    max_iter: int = 10,
    max_iter_kmeans: int = 20,
    block_size: float = 0.05,
    tol_kmeans: float = 0.00001,
    tol: float = 0.0001,
    seed: int = 0,
    random_state: int | None = None,
    copy: bool = False,
) -> AnnData | None:
    """Moves batches onto each other in an embedding.

    Parameters
    ----------
    adata
        The annotated matrix.
    key
        Columns of `obs` that tell the batches; required.
    use_rep
        The embedding in `obsm`.
    n_pcs
        Use only the first so many columns of the embedding; all if not given.
    key_added
        Name of the corrected embedding in `obsm`.
    theta
        How strongly mixed clusters are favoured; 0 not at all. One number, or one for each of the columns.
    lamb
        Ridge penalty of the correction: larger moves less.
    sigma
        Softness of the clusters: larger gives observations to more clusters.
    n_clusters
        Number of clusters; observations / 30, at most 100, if not given.
    tau
        Observations expected in a cluster: protects batches smaller than that; 0 for none.
    max_iter
        Rounds of correction at most.
    max_iter_kmeans
        Rounds of clustering at most in each.
    block_size
        Share of the observations whose clusters are updated at once.
    tol_kmeans
        Relative change of the objective below which a clustering ends.
    tol
        Relative fall of the objective below which all ends.
    seed
        Seed of all randomness; the result does not depend on the number of threads.
    random_state
        Another name for ``seed``.
    copy
        Return a changed copy instead of changing ``adata``.

    Returns
    -------
    ``None``, or the changed copy if ``copy``. Sets the following fields (with the default names):

    - ``obsm["X_pca_harmony"]``
    - ``uns["harmony"]``

    Notes
    -----
    **What it does**

    Corrects an embedding (principal components) so that observations of different batches (sections, animals,
    technologies) that are alike lie together, and writes the corrected embedding beside the old one.

    **When to use it**

    Before neighbours, clusters or projections of several sections together, where batches lie apart in the
    embedding. Where a batch holds what no other holds, look whether it is still apart afterwards. For corrected
    expression see
    `pp.combat`.

    **How it works**

    Observations, at length one, are clustered softly: the share of cluster k is `exp(−dist / sigma)` times a
    factor, ((E + 1) / (O + 1))^`theta`, that favours clusters in which the observation's batch is rarer (O) than
    expected (E). Shares are updated for a twentieth of the observations at a time, in random order. Then within
    every cluster a ridge regression of the embedding on the batches is subtracted, weighted by the shares. Both
    repeat until the objective falls no more.

    **Determinism**

    Seeded; the same bits for any number of threads.

    **Cost**

    O(N K d) per round of clustering, K clusters and d columns, some fifty rounds in all; memory: N × K shares and
    the embedding three times, all in single precision.

    **Differences from the reference**

    The result of `harmonypy` 0.0.10 given the same start and order of updates; they draw other random numbers. An
    observation whose components are all negative keeps its direction (harmonypy turns it round at the start).

    References
    ----------
    Korsunsky et al. 2019, <https://doi.org/10.1038/s41592-019-0619-0>

    Examples
    --------
    >>> import tegula as tg
    >>> tg.pp.harmony(adata, key="section")
    """
    params = {
        "key": key,
        "use_rep": use_rep,
        "n_pcs": n_pcs,
        "key_added": key_added,
        "theta": theta,
        "lamb": lamb,
        "sigma": sigma,
        "n_clusters": n_clusters,
        "tau": tau,
        "max_iter": max_iter,
        "max_iter_kmeans": max_iter_kmeans,
        "block_size": block_size,
        "tol_kmeans": tol_kmeans,
        "tol": tol,
    }
    seed = seed if random_state is None else random_state
    return run("pp.harmony", adata, params, seed=seed, copy=copy)


def diffuse(
    adata: AnnData,
    *,
    n_steps: int | None = None,
    max_steps: int = 10,
    alpha: float = 1.0,
    use_rep: str = "X_pca",
    n_pcs: int | None = None,
    connectivity_key: str = "spatial_connectivities",
    key_added: str | None = None,
    seed: int = 0,
    random_state: int | None = None,
    copy: bool = False,
) -> AnnData | None:
    """Averages the embedding of every observation over its surroundings in the tissue.

    Parameters
    ----------
    adata
        The annotated matrix.
    n_steps
        Steps of the walk; chosen from the data if not given.
    max_steps
        Where the steps are chosen, the most to try.
    alpha
        Share of every step that moves, above 0 to 1; the rest stays where it is.
    use_rep
        The embedding in `obsm`.
    n_pcs
        Use only the first so many columns of the embedding; all if not given.
    connectivity_key
        The graph in `obsp` to walk on.
    key_added
        Name in `obsm`; `<use_rep>_diffused` if not given.
    seed
        Seed of all randomness; the result does not depend on the number of threads.
    random_state
        Another name for ``seed``.
    copy
        Return a changed copy instead of changing ``adata``.

    Returns
    -------
    ``None``, or the changed copy if ``copy``. Sets the following fields (with the default names):

    - ``obsm["X_pca_diffused"]``
    - ``uns["X_pca_diffused"]``

    Notes
    -----
    **What it does**

    Walks `n_steps` random steps over the spatial graph and gives every observation the mean embedding of where
    the walk ends: what neighbours share stays, what each has for itself (mostly noise) goes. No training, no
    randomness.

    **When to use it**

    Before `tl.mclust`, `tl.leiden` or `tl.kmeans`, to find domains. It is the baseline that a trained method has
    to beat. Not before differential expression: neighbours are no longer independent.

    **How it works**

    W is the graph with a loop of weight 1 at every observation, its rows divided by their sums; with `alpha`
    below 1 it is (1 − alpha) I + alpha W. The embedding Z becomes Wᵗ Z, t = `n_steps`. An observation without
    neighbours keeps its own.

    Where `n_steps` is not given it is chosen without labels, by prediction: after t steps, leave out of every
    observation's mean the share that came back to itself, `(Wᵗ Z)ᵢ − pᵢ Zᵢ` over `1 − pᵢ` with p the diagonal of
    Wᵗ, and see how well the rest predicts it. The noise of an observation is independent of that of others, so
    the error is smallest where noise is averaged away and structure is not yet. Of the numbers up to `max_steps`
    whose error lies within 1 % of the smallest the lowest is taken, since too much diffusion costs more than too
    little. The diagonal is found exactly, for up to 5,000 observations drawn at random.

    **Determinism**

    Seeded where the number of steps is chosen on a sample, else no randomness; the same bits for any number of
    threads.

    **Cost**

    O(t N k d) for k neighbours and d columns; a million observations × 15 with eight neighbours take two seconds
    on two cores, the choice of the steps included. Memory: the embedding twice.

    **Differences from the reference**

    There is no published code; as a smoothing by neighbours it stands in many. Choosing the steps by prediction
    follows Batson & Royer.

    References
    ----------
    Batson & Royer, `Noise2Self`, ICML 2019, <https://doi.org/10.48550/arXiv.1901.11365>; Coifman & Lafon,
    Diffusion maps, 2006, <https://doi.org/10.1016/j.acha.2006.04.006>

    Examples
    --------
    >>> import tegula as tg
    >>> tg.pp.diffuse(adata)
    """
    params = {
        "n_steps": n_steps,
        "max_steps": max_steps,
        "alpha": alpha,
        "use_rep": use_rep,
        "n_pcs": n_pcs,
        "connectivity_key": connectivity_key,
        "key_added": key_added,
    }
    seed = seed if random_state is None else random_state
    return run("pp.diffuse", adata, params, seed=seed, copy=copy)


def bin(
    adata: AnnData,
    *,
    bin_size: float | None = None,
    factor: int | None = None,
    keys: str | Sequence[str] = (),
    layers: str | Sequence[str] = (),
    library_key: str | None = None,
    spatial_key: str = "spatial",
    seed: int = 0,
    random_state: int | None = None,
    copy: bool = False,
) -> AnnData | None:
    """Joins observations into coarser squares and sums their counts.

    Parameters
    ----------
    adata
        The annotated matrix.
    bin_size
        Side of a square, in the units of the coordinates.
    factor
        Side of a square in lattice points, instead of `bin_size`.
    keys
        Columns of `obs` with categories: a square gets the commonest one.
    layers
        Layers to sum besides `X`.
    library_key
        Column of `obs` with sections that are not to be joined.
    spatial_key
        Key of the coordinates in `obsm`.
    seed
        Seed of all randomness; the result does not depend on the number of threads.
    random_state
        Another name for ``seed``.
    copy
        Return a changed copy instead of changing ``adata``.

    Returns
    -------
    ``None``, or the changed copy if ``copy``. Sets the following fields (with the default names):

    - ``obs_names``
    - ``X``
    - ``obsm["spatial"]``
    - ``obs["n_obs"]``

    Notes
    -----
    **What it does**

    Lays squares over the tissue; all observations inside one become one observation with the sum of their counts.

    **When to use it**

    On raw counts of fine bins (Stereo-seq, Visium HD) or cells, where single ones hold too few counts, or to look
    at a large tissue quickly. Afterwards `pp.calculate_qc_metrics`, then as usual.

    **How it works**

    With `bin_size` squares begin at its multiples, so that files with the same coordinates get the same squares.
    With
    `factor` the coordinates must lie on a square lattice: its spacing is the smallest gap along x or y, and squares of
    `factor` × `factor` lattice points begin at the lowest one. Sections (`library_key`, or another z) are never joined.

    **Determinism**

    Exact; sums in `f64`. Equally common categories: the first of them.

    **Cost**

    O(observations log observations + non-zeros + genes × squares).

    **Differences from the reference**

    scanpy has none; Stereo-seq's own tools number squares by multiples in the same way.

    References
    ----------
    Chen et al., Stereo-seq, Cell 2022, doi:10.1016/j.cell.2022.04.003.

    Examples
    --------
    >>> import tegula as tg
    >>> tg.pp.bin(adata, bin_size=4)
    """
    params = {
        "bin_size": bin_size,
        "factor": factor,
        "keys": keys,
        "layers": layers,
        "library_key": library_key,
        "spatial_key": spatial_key,
    }
    seed = seed if random_state is None else random_state
    return run("pp.bin", adata, params, seed=seed, copy=copy)


def subsample(
    adata: AnnData,
    fraction: float | None = None,
    *,
    n_obs: int | None = None,
    groupby: str | None = None,
    seed: int = 0,
    random_state: int | None = None,
    copy: bool = False,
) -> AnnData | None:
    """Keeps a random part of the observations.

    Parameters
    ----------
    adata
        The annotated matrix.
    fraction
        Share of the observations to keep, 0 to 1.
    n_obs
        Number of observations to keep, instead of a share.
    groupby
        Column of `obs` with groups, each of which keeps its share.
    seed
        Seed of all randomness; the result does not depend on the number of threads.
    random_state
        Another name for ``seed``.
    copy
        Return a changed copy instead of changing ``adata``.

    Returns
    -------
    ``None``, or the changed copy if ``copy``. Sets the following fields (with the default names):

    - ``obs_names``

    Notes
    -----
    **What it does**

    Draws observations without replacement and drops the others; with `groupby` the same share of every group.

    **When to use it**

    To try things on a smaller set, or to bring sections to the same size. For fewer but whole squares of tissue
    see
    `pp.bin`.

    **How it works**

    A partial shuffle. With `groupby` each group gives its share, rounded down; what is missing to the whole
    number goes to the groups with the largest remainders. Observations without a group are a group of their own.

    **Determinism**

    Depends on the seed alone.

    **Cost**

    O(observations).

    **Differences from the reference**

    As scanpy's `pp.subsample` (`pp.sample` without replacement), which draws other observations and leaves them
    in the order drawn. `groupby` is extra.

    References
    ----------
    Wolf et al., SCANPY, Genome Biology 2018, doi:10.1186/s13059-017-1382-0.

    Examples
    --------
    >>> import tegula as tg
    >>> tg.pp.subsample(adata, fraction=0.1)
    """
    params = {
        "fraction": fraction,
        "n_obs": n_obs,
        "groupby": groupby,
    }
    seed = seed if random_state is None else random_state
    return run("pp.subsample", adata, params, seed=seed, copy=copy)


def pca(
    adata: AnnData,
    n_comps: int | None = None,
    *,
    knee: bool = False,
    use_highly_variable: bool | None = None,
    zero_center: bool = True,
    solver: Literal["auto", "gram", "krylov"] = "auto",
    layer: str | None = None,
    key_added: str | None = None,
    seed: int = 0,
    random_state: int | None = None,
    copy: bool = False,
) -> AnnData | None:
    """Principal components of the expression.

    Parameters
    ----------
    adata
        The annotated matrix.
    n_comps
        Number of components; by default 50, or one less than the smaller side of the matrix.
    knee
        Keep the components up to the knee of the curve of their shares of the variance: of all components there
        are, or of the first `n_comps` where that is given.
    use_highly_variable
        Use the highly variable genes only; by default where `var["highly_variable"]` is there.
    zero_center
        Centre the genes first; `false` gives a plain truncated singular value decomposition.
    solver
        Which way the components are found.
    layer
        Layer to use instead of `X`.
    key_added
        Key of the three results; by default `X_pca`, `PCs` and `pca`.
    seed
        Seed of all randomness; the result does not depend on the number of threads.
    random_state
        Another name for ``seed``.
    copy
        Return a changed copy instead of changing ``adata``.

    Returns
    -------
    ``None``, or the changed copy if ``copy``. Sets the following fields (with the default names):

    - ``obsm["X_pca"]``
    - ``varm["PCs"]``
    - ``uns["pca"]``

    Notes
    -----
    **What it does**

    Finds the `n_comps` orthogonal directions of largest variance among the genes, and each observation's place
    along them.

    **When to use it**

    After `pp.log1p` (and `pp.highly_variable_genes`), before `pp.neighbors`: neighbours are sought among 30–50
    components instead of thousands of noisy genes.

    **How it works**

    A truncated singular value decomposition of the centred matrix, which is never made dense: centring is done
    inside the products. Few genes or observations (up to 512): the matrix of inner products in `f64` and all its
    eigenvectors. Otherwise block Lanczos on it, 8 vectors at a time and on the smaller side of a sparse matrix,
    reorthogonalised in full and restarted until every component's residual is small against its size and,
    squared, against its gap. The largest absolute loading of each component is positive. With `knee` the
    variances of all components come first (eigenvalues alone), and as many are kept as lie before the knee
    (Kneedle, sensitivity 1).

    **Determinism**

    The same bits for any number of threads; the start of Lanczos depends on the seed, the result only in its last
    digits.

    **Cost**

    O(non-zeros × products), some 400 products of one vector, 16 at a time; memory beside X: with fewer
    observations than genes its transpose and a basis of observations × 350, else 64 blocks of genes × 16 numbers
    and a basis of genes × 350. `knee` without `n_comps` takes O(side³) for the smaller side, which it wants to be
    at most 4096.

    **Differences from the reference**

    Singular values equal an exact decomposition to 1e-5 relative. scanpy's signs follow another rule, and its
    loadings of a masked run are `f64`, here `f32`. `knee` is spateo's `compute_pca_components`; where its curve
    has no knee, spateo fails and here the default number is kept. A component without variance has loadings of
    zero.

    References
    ----------
    Golub & Underwood, The block Lanczos method, 1977, doi:10.1016/B978-0-12-587260-7.50018-2; Wu & Simon,
    Thick-restart Lanczos, SIAM J. Matrix Anal. Appl. 2000, doi:10.1137/S0895479898334605; Satopää et al.,
    Kneedle, 2011, doi:10.1109/ICDCSW.2011.20.

    Examples
    --------
    >>> import tegula as tg
    >>> tg.pp.pca(adata)
    """
    params = {
        "n_comps": n_comps,
        "knee": knee,
        "use_highly_variable": use_highly_variable,
        "zero_center": zero_center,
        "solver": solver,
        "layer": layer,
        "key_added": key_added,
    }
    seed = seed if random_state is None else random_state
    return run("pp.pca", adata, params, seed=seed, copy=copy)


def neighbors(
    adata: AnnData,
    n_neighbors: int = 15,
    *,
    n_pcs: int | None = None,
    use_rep: str = "X_pca",
    method: Literal["umap", "binary"] = "umap",
    exact: bool | None = None,
    min_recall: float = 0.98,
    key_added: str | None = None,
    seed: int = 0,
    random_state: int | None = None,
    copy: bool = False,
) -> AnnData | None:
    """Connects every observation with those nearest to it in an embedding.

    Parameters
    ----------
    adata
        The annotated matrix.
    n_neighbors
        Nearest others per observation, itself not counted (scanpy counts it).
    n_pcs
        Use only the first so many columns of the embedding; all if not given.
    use_rep
        The embedding in `obsm` to measure distances in, or `X` itself.
    method
        How connections are weighted.
    exact
        Search exactly or not; by default up to 50,000 observations.
    min_recall
        The share of the true neighbours that a search which is not exact has to find, 0 to 1.
    key_added
        Stores under this name instead of the default ones.
    seed
        Seed of all randomness; the result does not depend on the number of threads.
    random_state
        Another name for ``seed``.
    copy
        Return a changed copy instead of changing ``adata``.

    Returns
    -------
    ``None``, or the changed copy if ``copy``. Sets the following fields (with the default names):

    - ``obsp["connectivities"]``
    - ``obsp["distances"]``
    - ``uns["neighbors"]``

    Notes
    -----
    **What it does**

    Finds the `n_neighbors` nearest others of each observation by Euclidean distance in `obsm[use_rep]` and weighs
    the connections. Up to 50,000 observations the search is exact; above, it finds at least the share
    `min_recall`.

    **When to use it**

    After `pp.pca`, before `tl.louvain`, `tl.leiden` or UMAP. Where position in the tissue should count too, see
    `tl.scc`, which makes its own graph.

    **How it works**

    Distances come from sums of products kept in registers; whatever could be among the nearest within rounding is
    measured again in double precision, so the answer is exact, ties going to the lower index. Larger data are cut
    into cells by k-means, and an observation looks through the cells whose border is near enough; how near is
    learnt from 1000 observations that are searched exactly. The share found of their neighbours is in
    `uns["neighbors"]["recall"]`.
    `umap` weights a connection by UMAP's fuzzy union (nearest other 1, falling off so that the weights of an
    observation sum to log₂(k + 1));
    `binary` gives 1 to every pair of which one is among the other's nearest.

    **Determinism**

    The exact search has no randomness, the other one a seed; the same bits for any number of threads.

    **Cost**

    Time O(N² d) exactly, else O(N √N d) in data of few intrinsic dimensions, up to the exact one's in noise;
    memory O(N k).

    **Differences from the reference**

    scanpy's `n_neighbors` includes the observation itself: its 15 is 14 here, and this default of 15 is its 16.
    With that the weights are the same to single precision. scanpy searches approximately from 4096 observations
    on.

    References
    ----------
    Jégou, Douze & Schmid 2011 (cells), <https://doi.org/10.1109/TPAMI.2010.57>; McInnes, Healy & Melville 2018,
    <https://doi.org/10.48550/arXiv.1802.03426>; Wolf, Angerer & Theis 2018,
    <https://doi.org/10.1186/s13059-017-1382-0>

    Examples
    --------
    >>> import tegula as tg
    >>> tg.pp.neighbors(adata, n_neighbors=15, n_pcs=30)
    """
    params = {
        "n_neighbors": n_neighbors,
        "n_pcs": n_pcs,
        "use_rep": use_rep,
        "method": method,
        "exact": exact,
        "min_recall": min_recall,
        "key_added": key_added,
    }
    seed = seed if random_state is None else random_state
    return run("pp.neighbors", adata, params, seed=seed, copy=copy)


def spatial_neighbors(
    adata: AnnData,
    *,
    n_neighbors: int = 6,
    radius: float | None = None,
    radius_min: float | None = None,
    delaunay: bool = False,
    voronoi: bool = False,
    coord_type: Literal["auto", "grid", "generic"] = "auto",
    n_rings: int = 1,
    percentile: float | None = None,
    transform: Literal["spectral", "cosine"] | None = None,
    set_diag: bool = False,
    library_key: str | None = None,
    radius_z: float | None = None,
    library_order: str | Sequence[str] = (),
    spatial_key: str = "spatial",
    key_added: str = "spatial",
    seed: int = 0,
    random_state: int | None = None,
    copy: bool = False,
) -> AnnData | None:
    """Connects every observation with those near it in the tissue.

    Parameters
    ----------
    adata
        The annotated matrix.
    n_neighbors
        Nearest others per observation, itself not counted.
    radius
        Connect all within this distance instead, in the unit of the positions; with `delaunay` or `voronoi`, the
        longest edge kept.
    radius_min
        With `radius`, the shortest edge kept.
    delaunay
        Connect the neighbours in the Delaunay triangulation instead.
    voronoi
        Connect those whose Voronoi cells, cut off at the convex hull, share a border instead: CAST's graph.
    coord_type
        Whether the positions are those of a lattice.
    n_rings
        On a grid, how many rings of neighbours.
    percentile
        Cut edges longer than this percentile of the distances, 0 to 100; not on a grid.
    transform
        What becomes of the connectivities.
    set_diag
        Set the diagonal of the connectivities to 1.
    library_key
        The column of `obs` that tells sections or slides apart: the graph does not cross between them.
    radius_z
        With `library_key`, join observations of neighbouring sections within this distance in x and y.
    library_order
        The order of the sections for `radius_z`; that of the categories or numbers if empty.
    spatial_key
        Where the positions lie in `obsm`.
    key_added
        Start of the names to store under.
    seed
        Seed of all randomness; the result does not depend on the number of threads.
    random_state
        Another name for ``seed``.
    copy
        Return a changed copy instead of changing ``adata``.

    Returns
    -------
    ``None``, or the changed copy if ``copy``. Sets the following fields (with the default names):

    - ``obsp["spatial_connectivities"]``
    - ``obsp["spatial_distances"]``
    - ``uns["spatial_neighbors"]``

    Notes
    -----
    **What it does**

    Makes a graph of the positions: the `n_neighbors` nearest others of each observation, or all within `radius`,
    or its neighbours in the Delaunay triangulation, or those its Voronoi cell borders on inside the convex hull,
    or its rings on a lattice.

    **When to use it**

    Before spatial statistics, diffusion over the tissue or a graph network. `n_neighbors` 6 suits a hexagonal
    lattice (Visium), 4 or 8 a square one, 6 to 10 cells; `radius` suits data of even density; `delaunay` and
    `voronoi` need no number and suit cells. `coord_type` grid follows a lattice whose spots are missing or
    shaken.

    **How it works**

    Nearest others and radius: a k-d tree; ties go to the lower index. `delaunay`: an exact triangulation of the
    distinct places; of several observations at one place the first takes part and the others are joined to it.
    `voronoi`: the Delaunay edges whose Voronoi border has a length inside the hull, as CAST's graph. Grid: of the
    `n_neighbors` nearest those nearer than 1.3 times the median, then `n_rings` steps along them; a lattice in
    Visium's rows and columns is recognised and made regular first. Then, in this order: edges outside
    `radius_min` to `radius` go, edges above `percentile` go, sections are joined by `radius_z`, weights are
    transformed. Lattices, lines and duplicated positions need no care.

    **Determinism**

    No randomness; the same bits for any number of threads.

    **Cost**

    O(N (k + log N)) time, O(N k) memory. A million observations take about one CPU second with their 7 nearest,
    two with
    `delaunay`, of which most run on one core.

    **Differences from the reference**

    The edges are those of squidpy's `gr.spatial_neighbors`, `percentile` and its zeros included; of cocircular
    points any triangulation may be taken. Distances of 0 between duplicates are kept. `radius` with `delaunay`
    cuts longer edges. `coord_type` auto leaves the grid where `delaunay`, `radius` or `percentile` is given.
    `radius_z` is STAGATE's `rad_cutoff_Zaxis`, its distance being that in x and y.

    References
    ----------
    Palla et al. 2022, <https://doi.org/10.1038/s41592-021-01358-2>; Tang et al. 2024,
    <https://doi.org/10.1038/s41592-024-02410-7>; Dong & Zhang 2022, <https://doi.org/10.1038/s41467-022-29439-6>

    Examples
    --------
    >>> import tegula as tg
    >>> tg.pp.spatial_neighbors(adata, delaunay=True, percentile=99, library_key="section")
    """
    params = {
        "n_neighbors": n_neighbors,
        "radius": radius,
        "radius_min": radius_min,
        "delaunay": delaunay,
        "voronoi": voronoi,
        "coord_type": coord_type,
        "n_rings": n_rings,
        "percentile": percentile,
        "transform": transform,
        "set_diag": set_diag,
        "library_key": library_key,
        "radius_z": radius_z,
        "library_order": library_order,
        "spatial_key": spatial_key,
        "key_added": key_added,
    }
    seed = seed if random_state is None else random_state
    return run("pp.spatial_neighbors", adata, params, seed=seed, copy=copy)


qc = calculate_qc_metrics
normalize = normalize_total
hvg = highly_variable_genes
harmony_integrate = harmony
sample = subsample
