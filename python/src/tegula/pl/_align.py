"""Sections over each other, before and after alignment."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ._figure import finish
from ._palette import NA
from ._panel import RIGHT, Look, Panel, Place, draw_shades
from ._scatter import has_image, positions
from ._sections import asked_of, labels_of, library_key_of, mixed, sections_of
from ._shade import categories

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

    from anndata import AnnData
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure


def align(
    adata: AnnData,
    color: str | None = None,
    *,
    library_key: str | None = None,
    sections: str | Sequence[str] | None = None,
    spatial_key: str = "spatial",
    aligned_key: str = "spatial_aligned",
    correlation: str = "cast_stack_correlation",
    palette: str | Sequence[str] | Mapping[str, str] | None = None,
    cmap: str | Colormap = "viridis",
    legend_loc: str | None = "right margin",
    size: float = 0.8,
    alpha: float | None = None,
    ncols: int = 3,
    invert_y: bool | None = None,
    na_color: str = NA,
    width: float = 4.0,
    dpi: float | None = None,
    ax: Axes | Sequence[Axes] | None = None,
    show: bool | None = None,
    save: str | os.PathLike | None = None,
    return_fig: bool = False,
) -> Figure | Axes | list[Axes] | None:
    """Draw sections over each other, where they lay and where they lie after alignment.

    As ``tegula pl align``: after :func:`tegula.tl.cast_stack`, to see whether outlines, layers and holes lie over each
    other. Observations of all sections are drawn in mixed order, so that no section hides another. Where the alignment
    told how well every observation fits, a third panel shows that.

    Parameters
    ----------
    adata
        The annotated matrix.
    color
        Column of categories in ``obs`` to colour by; none: the sections.
    library_key
        Column of ``obs`` that tells the sections; none: the one that ``tl.cast_stack`` was told.
    sections
        Sections to draw; none: all.
    spatial_key
        Positions before, in ``obsm``.
    aligned_key
        Positions after, in ``obsm``.
    correlation
        Column of numbers in ``obs`` for a third panel; where it is not there, there are two.
    palette, cmap, legend_loc, size, alpha, invert_y, na_color
        As in :func:`spatial`; the legend stands beside the panel of the sections as they lie now.
    ncols
        Panels beside each other.
    width
        Longer side of a panel, in inches.
    dpi, ax, show, save, return_fig
        As in :func:`spatial`.

    Returns
    -------
    As :func:`spatial`. Sets ``uns["<key>_colors"]``.

    See Also
    --------
    displacement : how the sections were bent.

    References
    ----------
    Tang et al. 2024, <https://doi.org/10.1038/s41592-024-02410-7>

    Examples
    --------
    >>> import tegula as tg
    >>> tg.pl.align(adata, library_key="section", save="aligned.png")

    """
    key = library_key_of(adata, library_key)
    column = key if color is None else color
    told = sections_of(adata, key)
    rows = mixed(adata.n_obs)
    rows = rows[np.isin(np.asarray(told, dtype=object)[rows], asked_of(told, sections, key))] if sections else rows
    kinds = categories(column, told if color is None else labels_of(adata, color))
    kinds = replace(kinds, codes=kinds.codes[rows])
    y_down = has_image(adata) if invert_y is None else invert_y
    hint = "run tl.cast_stack first, or pass aligned_key"
    before = Place(positions(adata, spatial_key)[rows], "spatial", y_down)
    after = Place(positions(adata, aligned_key, hint)[rows], "spatial", y_down)
    look = Look(palette, cmap, legend_loc, size, "round", alpha, None, None, None, None, na_color, False)
    # The names stand once, beside the sections as they lie now.
    bare = replace(look, legend_loc=None) if legend_loc in RIGHT else look
    panels, shades = [Panel(before, bare, column, "before"), Panel(after, look, column, "after")], [kinds, kinds]
    if (fits := _numbers(adata, correlation)) is not None and correlation != column and np.isfinite(fits[rows]).any():
        panels.append(Panel(after, look, correlation, correlation.rsplit("_", 1)[-1]))
        shades.append(fits[rows])
    axes, new = draw_shades(adata, panels, shades, ax, ncols, width)
    return finish(axes, new, show, save, return_fig, dpi)


def _numbers(adata: AnnData, key: str) -> np.ndarray | None:
    import pandas as pd

    if key not in adata.obs or not pd.api.types.is_numeric_dtype(adata.obs[key].dtype):
        return None
    return adata.obs[key].to_numpy(dtype=np.float64, na_value=np.nan)
