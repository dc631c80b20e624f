"""How good a projection of one section onto another is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ._figure import Box, finish, open_axes, pyplot, text_width
from ._palette import INK, LINE
from ._sheet import Sheet

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from anndata import AnnData
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

BAR = "#4c72b0"
"""The colour of the histograms."""

SHAPE = 1.4
"""A histogram is so much wider than high."""

HISTOGRAMS = {"distance_histogram": "distance in the tissue", "cosine_histogram": "cosine distance"}
"""Entries with counts, and the names of their axes."""


def cast_project(
    adata: AnnData,
    label: str | Sequence[str] | None = None,
    *,
    normalize: Literal["own", "projected", "none"] = "own",
    histograms: bool = True,
    key: str = "cast_project",
    cmap: str | Colormap = "Blues",
    ncols: int = 3,
    width: float = 4.0,
    dpi: float | None = None,
    ax: Axes | Sequence[Axes] | None = None,
    show: bool | None = None,
    save: str | os.PathLike | None = None,
    return_fig: bool = False,
) -> Figure | Axes | list[Axes] | None:
    """Draw how good a projection is: confusion matrices of its labels and histograms of its distances.

    As ``tegula pl cast_project``. A heat map for every label that the target has itself shows which types are taken for
    which: its own labels downwards, the projected ones to the right. Two histograms show how far in the tissue, and how
    unlike, the matches are. Where matches are poor, :func:`spatial` shows with ``cast_project_cosine`` or
    ``<label>_confidence``.

    Parameters
    ----------
    adata
        The annotated matrix.
    label
        Labels to draw the confusion matrix of; none: all that there are.
    normalize
        What a cell is a share of: of the observations of its row (``"own"``: the diagonal is the sensitivity), of its
        column (``"projected"``: the precision), or the count (``"none"``).
    histograms
        Whether the two histograms are drawn.
    key
        Name of the projection in ``uns``.
    cmap
        Colours of the confusion matrix: a map of matplotlib.
    ncols
        Panels beside each other.
    width
        Longer side of a panel, in inches.
    dpi, ax, show, save, return_fig
        As in :func:`spatial`; first the confusion matrices, then the histograms.

    Returns
    -------
    As :func:`spatial`.

    See Also
    --------
    links : what was matched.

    References
    ----------
    Tang et al. 2024, <https://doi.org/10.1038/s41592-024-02410-7>

    Examples
    --------
    >>> import tegula as tg
    >>> tg.tl.cast_project(adata, library_key="section", label_key="cell_type")
    >>> tg.pl.cast_project(adata, save="projection.pdf")

    """
    pyplot()
    told = adata.uns.get(key)
    if not isinstance(told, Mapping):
        raise KeyError(f'uns["{key}"] is missing; run tl.cast_project first, or pass key')
    if normalize not in ("own", "projected", "none"):
        raise ValueError(f"normalize: `{normalize}` must be `own`, `projected` or `none`")
    tables = {name: of for name, of in told.get("labels", {}).items() if "confusion" in of}
    asked = list(tables) if label is None else [label] if isinstance(label, str) else list(label) or list(tables)
    if odd := [name for name in asked if name not in tables]:
        raise ValueError(f"label: `{odd[0]}` must be a label that the target has itself: {', '.join(tables)}")
    sheets = [_confusion(name, tables[name], normalize) for name in asked]
    counted = [(told[entry], name) for entry, name in HISTOGRAMS.items() if histograms and entry in told]
    if not sheets and not counted:
        raise ValueError(
            f'uns["{key}"] holds neither labels that can be compared nor distances; run tl.cast_project again'
        )
    boxes = [sheet.box(width) for sheet in sheets] + [_room(of, width) for of, _ in counted]
    axes, new = open_axes(ax, boxes, ncols)
    for sheet, one in zip(sheets, axes, strict=False):
        sheet.draw(one, cmap, new)
    for (of, name), one in zip(counted, axes[len(sheets) :], strict=True):
        _histogram(one, of, name)
    return finish(axes, new, show, save, return_fig, dpi)


def _confusion(name: str, told: Mapping[str, Any], normalize: str) -> Sheet:
    """Own labels downwards, projected ones to the right."""
    names, counts = list(map(str, told["categories"])), np.asarray(told["confusion"], dtype=np.float64)
    sums = {"own": counts.sum(axis=1, keepdims=True), "projected": counts.sum(axis=0), "none": 1.0}[normalize]
    values = counts / np.maximum(sums, 1.0)
    whole = normalize == "none"

    def text(v: float) -> str:
        return "" if v == 0 or (not whole and v < 0.005) else f"{v:.0f}" if whole else f"{v:.2f}"

    texts = np.vectorize(text, otypes=[object])(values)
    title = f"{name}: {100 * float(told['accuracy']):.0f} % agree"
    limits = (0.0, max(values.max(initial=1.0), 1.0) if whole else 1.0)
    return Sheet(values, texts, names, names, title, ("projected", "own"), limits=limits)


def _room(told: Mapping[str, Any], width: float) -> Box:
    digits = text_width(f"{np.max(told['counts']):.0f}", 8)
    return Box(width, width / SHAPE, left=0.4 + digits, right=0.1, below=0.4)


def _histogram(ax: Axes, told: Mapping[str, Any], name: str) -> None:
    from matplotlib.ticker import MaxNLocator

    edges, counts = np.asarray(told["edges"]), np.asarray(told["counts"])
    bars = {"align": "edge", "color": BAR, "edgecolor": "white", "linewidth": 0.3}
    ax.bar(edges[:-1], counts, np.diff(edges), **bars)
    ax.set(xlim=(edges[0], edges[-1]), ylim=(0, max(counts.max(), 1)))
    ax.xaxis.set_major_locator(MaxNLocator(4))
    ax.yaxis.set_major_locator(MaxNLocator(3, integer=True))
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set(color=LINE, linewidth=0.6)
    ax.tick_params(labelsize=8, color=LINE, labelcolor=INK, width=0.6, length=2.5)
    ax.set_xlabel(name, fontsize=8, color=INK)
    ax.set_ylabel("observations", fontsize=8, color=INK)
