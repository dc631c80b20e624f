"""Measures of labels, embeddings and graphs, on plain arrays; all slots of an AnnData at once with :func:`score`.

- Do the domains agree with labels that are known? :func:`ari` (the usual one), :func:`nmi`, :func:`ami`,
  :func:`homogeneity`, :func:`completeness`, :func:`v_measure`.
- Are they compact in the tissue, without any known labels? :func:`chaos` and :func:`pas` (lower is smoother).
- Are groups kept apart in an embedding? :func:`silhouette`, :func:`asw`; are batches mixed there? :func:`lisi`,
  :func:`asw_batch`. In a graph: :func:`modularity`.
- Does a map keep what it was made from? :func:`knn_recall` (neighbours) and :func:`distance_correlation` (distances).

Labels are anything with one entry per observation: a column of ``obs``, a list, an array of words or numbers.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _tegula
from ._bridge import fetch, labels_of, python_of, value_of
from ._settings import settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anndata import AnnData
    from numpy.typing import ArrayLike

__all__ = [
    "ami",
    "ari",
    "asw",
    "asw_batch",
    "chaos",
    "completeness",
    "distance_correlation",
    "homogeneity",
    "knn_recall",
    "lisi",
    "modularity",
    "nmi",
    "pas",
    "score",
    "silhouette",
    "v_measure",
]


def _measure(name: str, *, seed: int = 0, **given: Any) -> Any:
    return python_of(_tegula.measure(name, given, seed, settings.n_jobs))


def _agreement(name: str, truth: ArrayLike, found: ArrayLike) -> float:
    return _measure(name, truth=labels_of(truth), found=labels_of(found))


def ari(truth: ArrayLike, found: ArrayLike) -> float:
    """Return the adjusted Rand index: how far two labellings group observations alike.

    Parameters
    ----------
    truth, found
        One label per observation; those without a label in either are left out.

    Returns
    -------
    1 for the same groups, whatever their names; about 0 by chance, and then also a little below.

    References
    ----------
    Hubert and Arabie 1985, <https://doi.org/10.1007/BF01908075>

    Examples
    --------
    >>> import tegula as tg
    >>> tg.metrics.ari(["a", "a", "b", "b"], [1, 1, 0, 0])
    1.0

    """
    return _agreement("ari", truth, found)


def nmi(truth: ArrayLike, found: ArrayLike) -> float:
    """Return the normalised mutual information of two labellings (arithmetic mean), as scikit-learn's.

    Parameters
    ----------
    truth, found
        One label per observation; those without a label in either are left out.

    Returns
    -------
    0 to 1, 1 for the same groups. Many small groups raise it by chance: :func:`ami` takes that off.

    References
    ----------
    Strehl and Ghosh 2002, <https://doi.org/10.1162/153244303321897735>

    Examples
    --------
    >>> import tegula as tg
    >>> tg.metrics.nmi(["a", "a", "b", "b"], [1, 1, 0, 0])
    1.0

    """
    return _agreement("nmi", truth, found)


def ami(truth: ArrayLike, found: ArrayLike) -> float:
    """Return the mutual information of two labellings adjusted for chance (arithmetic mean), as scikit-learn's.

    Parameters
    ----------
    truth, found
        One label per observation; those without a label in either are left out.

    Returns
    -------
    1 for the same groups, about 0 by chance.

    References
    ----------
    Vinh, Epps and Bailey 2010, <https://jmlr.org/papers/v11/vinh10a.html>

    Examples
    --------
    >>> import tegula as tg
    >>> tg.metrics.ami(["a", "a", "b", "b"], [1, 1, 0, 0])
    1.0

    """
    return _agreement("ami", truth, found)


def homogeneity(truth: ArrayLike, found: ArrayLike) -> float:
    """Return how far each found group holds one known label only; splitting groups does not lower it.

    Parameters
    ----------
    truth, found
        One label per observation; those without a label in either are left out.

    Returns
    -------
    0 to 1.

    References
    ----------
    Rosenberg and Hirschberg 2007, <https://aclanthology.org/D07-1043>

    Examples
    --------
    >>> import tegula as tg
    >>> tg.metrics.homogeneity(["a", "a", "b", "b"], [0, 1, 2, 3])
    1.0

    """
    return _agreement("homogeneity", truth, found)


def completeness(truth: ArrayLike, found: ArrayLike) -> float:
    """Return how far each known label lies in one found group only; joining groups does not lower it.

    Parameters
    ----------
    truth, found
        One label per observation; those without a label in either are left out.

    Returns
    -------
    0 to 1.

    References
    ----------
    Rosenberg and Hirschberg 2007, <https://aclanthology.org/D07-1043>

    Examples
    --------
    >>> import tegula as tg
    >>> tg.metrics.completeness(["a", "a", "b", "b"], [0, 0, 0, 0])
    1.0

    """
    return _agreement("completeness", truth, found)


def v_measure(truth: ArrayLike, found: ArrayLike) -> float:
    """Return the harmonic mean of homogeneity and completeness; the same number as :func:`nmi`.

    Parameters
    ----------
    truth, found
        One label per observation; those without a label in either are left out.

    Returns
    -------
    0 to 1, 1 for the same groups.

    References
    ----------
    Rosenberg and Hirschberg 2007, <https://aclanthology.org/D07-1043>

    Examples
    --------
    >>> import tegula as tg
    >>> tg.metrics.v_measure(["a", "a", "b", "b"], [1, 1, 0, 0])
    1.0

    """
    return _agreement("v_measure", truth, found)


def silhouette(x: ArrayLike, labels: ArrayLike) -> float:
    """Return the mean silhouette: how much nearer observations lie to their own group than to the next.

    Exact and Euclidean; the time grows with the square of the number of observations.

    Parameters
    ----------
    x
        One row per observation, such as ``adata.obsm["X_pca"]``.
    labels
        One label per observation; those without one are left out.

    Returns
    -------
    -1 to 1; near 0 groups overlap.

    References
    ----------
    Rousseeuw 1987, <https://doi.org/10.1016/0377-0427(87)90125-7>

    Examples
    --------
    >>> import tegula as tg
    >>> round(tg.metrics.silhouette([[0.0], [1.0], [10.0], [11.0]], [0, 0, 1, 1]), 3)
    0.9

    """
    return _measure("silhouette", x=_rows(x), labels=labels_of(labels))


def asw(x: ArrayLike, labels: ArrayLike) -> float:
    """Return the mean :func:`silhouette` brought to 0 to 1, as scib has it.

    Parameters
    ----------
    x
        One row per observation, such as ``adata.obsm["X_pca"]``.
    labels
        One label per observation; those without one are left out.

    Returns
    -------
    0 to 1; near 0.5 groups overlap.

    References
    ----------
    Luecken et al. 2022, <https://doi.org/10.1038/s41592-021-01336-8>

    Examples
    --------
    >>> import tegula as tg
    >>> round(tg.metrics.asw([[0.0], [1.0], [10.0], [11.0]], [0, 0, 1, 1]), 3)
    0.95

    """
    return _measure("asw", x=_rows(x), labels=labels_of(labels))


def asw_batch(x: ArrayLike, batch: ArrayLike, labels: ArrayLike) -> float:
    """Return how well batches are mixed inside each label: 1 − |silhouette by batch|, averaged, as scib has it.

    Parameters
    ----------
    x
        One row per observation, such as ``adata.obsm["X_pca"]``.
    batch
        The batch of each observation.
    labels
        One label per observation.

    Returns
    -------
    0 to 1, 1 where batches are mixed.

    References
    ----------
    Luecken et al. 2022, <https://doi.org/10.1038/s41592-021-01336-8>

    Examples
    --------
    >>> import tegula as tg
    >>> x = [[0.0], [0.0], [1.0], [1.0]]
    >>> 0 <= tg.metrics.asw_batch(x, ["a", "b", "a", "b"], ["t"] * 4) <= 1
    True

    """
    return _measure("asw_batch", x=_rows(x), batch=labels_of(batch), labels=labels_of(labels))


def lisi(x: ArrayLike, labels: ArrayLike, perplexity: float = 30.0) -> np.ndarray:
    """Return for each observation the effective number of labels among its neighbours (inverse Simpson's index).

    Parameters
    ----------
    x
        One row per observation: an embedding or positions.
    labels
        One label per observation.
    perplexity
        The effective number of neighbours.

    Returns
    -------
    One number per observation, from 1 (all neighbours share its label) to the number of labels (all are equally
    frequent): high is good for batches, low for domains.

    References
    ----------
    Korsunsky et al. 2019, <https://doi.org/10.1038/s41592-019-0619-0>

    Examples
    --------
    >>> import numpy as np
    >>> import tegula as tg
    >>> x = np.arange(200.0)[:, None]
    >>> tg.metrics.lisi(x, np.arange(200) < 100, perplexity=10).shape
    (200,)

    """
    return _measure("lisi", x=_rows(x), labels=labels_of(labels), perplexity=float(perplexity))


def chaos(coords: ArrayLike, labels: ArrayLike) -> float:
    """Return CHAOS: the mean distance to the nearest of the same domain, positions standardised; lower is smoother.

    Parameters
    ----------
    coords
        Positions, one row per observation, as ``adata.obsm["spatial"]``.
    labels
        The domain of each observation.

    Returns
    -------
    A length in units of the standardised positions.

    References
    ----------
    Shang and Zhou 2022, <https://doi.org/10.1038/s41467-022-34879-1>

    Examples
    --------
    >>> import numpy as np
    >>> import tegula as tg
    >>> line = np.c_[np.arange(40), np.zeros(40)]
    >>> tg.metrics.chaos(line, np.arange(40) < 20) < tg.metrics.chaos(line, np.arange(40) % 2)
    True

    """
    return _measure("chaos", coords=_rows(coords), labels=labels_of(labels))


def pas(coords: ArrayLike, labels: ArrayLike) -> float:
    """Return PAS: the share of observations whose ten nearest are mostly of another domain; lower is smoother.

    Parameters
    ----------
    coords
        Positions, one row per observation, as ``adata.obsm["spatial"]``; at least eleven have a label.
    labels
        The domain of each observation.

    Returns
    -------
    0 to 1.

    References
    ----------
    Shang and Zhou 2022, <https://doi.org/10.1038/s41467-022-34879-1>

    Examples
    --------
    >>> import numpy as np
    >>> import tegula as tg
    >>> line = np.c_[np.arange(40), np.zeros(40)]
    >>> tg.metrics.pas(line, np.arange(40) < 20)
    0.0

    """
    return _measure("pas", coords=_rows(coords), labels=labels_of(labels))


def modularity(graph: Any, found: ArrayLike, resolution: float = 1.0) -> float:
    """Return Newman's modularity of groups of the nodes of a weighted graph.

    Parameters
    ----------
    graph
        Square sparse matrix of weights, as ``adata.obsp["connectivities"]``.
    found
        The group of each node.
    resolution
        How much the edges count that chance would put into a group; 1 is Newman's.

    Returns
    -------
    At most 1; 0 is what chance gives.

    References
    ----------
    Newman and Girvan 2004, <https://doi.org/10.1103/PhysRevE.69.026113>

    Examples
    --------
    >>> from scipy import sparse
    >>> import tegula as tg
    >>> pairs = sparse.csr_matrix([[0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1], [0, 0, 1, 0]])
    >>> tg.metrics.modularity(pairs, [0, 0, 1, 1])
    0.5

    """
    return _measure("modularity", graph=value_of(graph), found=labels_of(found), resolution=float(resolution))


def knn_recall(a: ArrayLike, b: ArrayLike, k: int = 10) -> float:
    """Return the share of the ``k`` nearest in ``a`` that are among the ``k`` nearest in ``b``.

    Above 20,000 observations over a sample.

    Parameters
    ----------
    a, b
        Two spaces, one row per observation each.
    k
        Number of neighbours.

    Returns
    -------
    0 to 1, on average over observations.

    References
    ----------
    Kobak and Berens 2019, <https://doi.org/10.1038/s41467-019-13056-x>

    Examples
    --------
    >>> import tegula as tg
    >>> tg.metrics.knn_recall([[0.0], [1.0], [3.0], [7.0]], [[0.0], [1.0], [3.0], [-2.0]], k=1)
    0.75

    """
    return _measure("knn_recall", a=_rows(a), b=_rows(b), k=int(k))


def distance_correlation(a: ArrayLike, b: ArrayLike) -> float:
    """Return Pearson's correlation of the distances of all pairs in two spaces: SpaSNE's r1 and r2.

    Above 20,000 observations over four million random pairs.

    Parameters
    ----------
    a, b
        Two spaces, one row per observation each.

    Returns
    -------
    -1 to 1: r1 where ``a`` is expression and ``b`` the map, r2 where ``a`` is the tissue.

    References
    ----------
    Zhou et al. 2023, <https://doi.org/10.1101/2023.08.13.553152>

    Examples
    --------
    >>> import tegula as tg
    >>> round(tg.metrics.distance_correlation([[0.0], [1.0], [3.0]], [[0.0], [2.0], [6.0]]), 6)
    1.0

    """
    return _measure("distance_correlation", a=_rows(a), b=_rows(b))


def score(
    adata: AnnData,
    labels: str | Sequence[str] = (),
    truth: str | None = None,
    *,
    embeddings: str | Sequence[str] = (),
    spatial_key: str = "spatial",
    use_rep: str | None = None,
) -> dict[str, Any]:
    """Return every measure of columns of labels and of embeddings: what ``tegula metrics --json`` prints.

    Parameters
    ----------
    adata
        The annotated matrix.
    labels
        Columns of ``adata.obs`` to measure, such as ``"leiden"``.
    truth
        Column of ``adata.obs`` with known labels to compare with.
    embeddings
        Maps in ``adata.obsm``, such as ``"X_umap"``, to measure against the data they were made from.
    spatial_key
        Positions in ``adata.obsm``; what needs them is left out where they are absent.
    use_rep
        The embedding for silhouettes, and what embeddings were made from; ``X_pca`` where it is there.

    Returns
    -------
    ``{"n_obs", "n_vars", "truth", "labels": {column: {measure: value}}, "embeddings": {key: {measure: value}}}``. Of
    labels: ``n_clusters``; with ``truth`` the agreement (``ari``, ``nmi``, …) and how many observations it is over;
    with positions ``chaos``, ``pas`` and ``lisi``; with an embedding ``silhouette`` and ``asw``; with a graph
    ``modularity``. Of a map: ``r1`` and ``r2`` (see :func:`distance_correlation`), ``knn_recall``, and what its method
    kept.

    Examples
    --------
    >>> import tegula as tg
    >>> tissue = tg.simulate(n_obs=300, n_vars=50, n_domains=3)
    >>> tg.metrics.score(tissue, "domain", truth="domain")["labels"]["domain"]["ari"]
    1.0

    """
    labels, embeddings = ([x] if isinstance(x, str) else list(x) for x in (labels, embeddings))
    wanted = [
        *(("obs", key) for key in (*labels, *([truth] if truth else ()))),
        *(("obsm", key) for key in (*embeddings, spatial_key, use_rep or "X_pca")),
        *(("obsp", key) for key in adata.obsp if key.endswith("connectivities")),
        *(("uns", key) for embedding in embeddings for key in {embedding, embedding.removeprefix("X_")}),
    ]
    slots = {slot: value for slot in wanted if (value := fetch(adata, *slot)) is not None}
    text = _tegula.score(adata.n_obs, slots, labels, embeddings, truth, spatial_key, use_rep, settings.n_jobs)
    return json.loads(text) | {"n_vars": adata.n_vars}


def _rows(x: ArrayLike) -> Any:
    """Rows of numbers in the engine's form."""
    x = np.asarray(x)
    return value_of(x[:, None] if x.ndim == 1 else x)
