"""Observations where they lie: in the tissue, or in an embedding."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from ._figure import finish, pyplot
from ._palette import NA
from ._panel import RIGHT, Look, Panel, Place, draw

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from anndata import AnnData
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

BASES = ("X_spasne", "X_tsne", "X_umap", "X_pca")
"""The embeddings that are looked for where none is named."""


def spatial(
    adata: AnnData,
    color: str | Sequence[str] | None = None,
    *,
    layer: str | None = None,
    spatial_key: str = "spatial",
    palette: str | Sequence[str] | Mapping[str, str] | None = None,
    cmap: str | Colormap = "viridis",
    legend_loc: str | None = "right margin",
    size: float = 1.0,
    marker: Literal["round", "square"] = "round",
    alpha: float | None = None,
    ncols: int = 3,
    title: str | Sequence[str] | None = None,
    invert_y: bool | None = None,
    vmin: float | str | None = None,
    vmax: float | str | None = None,
    vcenter: float | None = None,
    groups: str | Sequence[str] | None = None,
    na_color: str = NA,
    frameon: bool = False,
    width: float = 4.0,
    dpi: float | None = None,
    ax: Axes | Sequence[Axes] | None = None,
    show: bool | None = None,
    save: str | os.PathLike | None = None,
    return_fig: bool = False,
) -> Figure | Axes | list[Axes] | None:
    """Draw the tissue, coloured by clusters, by regions or by the expression of genes.

    As ``tegula pl spatial``: the same colours, marks as wide as the distance between neighbours, y upwards unless the
    data belong to an image. More than 50,000 points become an image in SVG and PDF; a million take about two seconds.

    Parameters
    ----------
    adata
        The annotated matrix.
    color
        Columns of ``obs`` or genes, one panel each; none: the plain tissue.
    layer
        Layer that genes are read from; none: ``X``, or ``raw`` for genes that only it has.
    spatial_key
        Entry of ``obsm`` with the positions.
    palette
        Colours of categories: a palette by name, a list, or a colour for each category; none: those in
        ``uns["<key>_colors"]``, else scanpy's.
    cmap
        Colours of numbers: a map of matplotlib.
    legend_loc
        Where the names of the categories stand: ``"right margin"``, ``"on data"``, a corner as ``"upper left"``, or
        ``"none"``.
    size
        Width of a mark as a multiple of the distance between neighbours: on a lattice 1 means touching.
    marker
        Discs or squares.
    alpha
        Opacity, 0 to 1.
    ncols
        Panels beside each other.
    title
        Titles of the panels; none: the names in ``color``.
    invert_y
        Whether y grows downwards, as in images; none: where ``uns["spatial"]`` holds an image.
    vmin, vmax
        Numbers at the ends of the colours; ``"p99"`` is the 99th percentile.
    vcenter
        Number in the middle of the colours; the ends then lie equally far from it.
    groups
        Categories to show in colour, the others become grey.
    na_color
        Colour of missing values and of categories that are not shown.
    frameon
        Whether a frame with the names of the axes stands around the tissue.
    width
        Longer side of a panel, in inches.
    dpi
        Pixels per inch of a saved figure.
    ax
        Axes to draw into, as many as there are panels.
    show
        Whether the figure is shown; by default where it is neither saved nor asked for and ``ax`` is not given.
    save
        File to write; its ending tells the format.
    return_fig
        Return the figure.

    Returns
    -------
    The figure if ``return_fig``; ``None`` where it is shown or saved; else the axes. Sets ``uns["<key>_colors"]``.

    See Also
    --------
    embedding : the same for an embedding.

    Examples
    --------
    >>> import tegula as tg
    >>> tg.pl.spatial(adata, ["scc", "total_counts"], save="tissue.png")

    """
    look = Look(palette, cmap, legend_loc, size, marker, alpha, vmin, vmax, vcenter, groups, na_color, frameon)
    y_down = has_image(adata) if invert_y is None else invert_y
    place = Place(positions(adata, spatial_key), spatial_key.removeprefix("X_"), y_down)
    names = _names(color)
    panels = [Panel(place, look, name, t) for name, t in zip(names, _titles(title, names), strict=True)]
    axes, new = draw(adata, panels, layer, ax, ncols, width)
    return finish(axes, new, show, save, return_fig, dpi)


def embedding(
    adata: AnnData,
    basis: str | None = None,
    color: str | Sequence[str] | None = None,
    *,
    tissue: bool = False,
    layer: str | None = None,
    spatial_key: str = "spatial",
    palette: str | Sequence[str] | Mapping[str, str] | None = None,
    cmap: str | Colormap = "viridis",
    legend_loc: str | None = "right margin",
    size: float = 1.0,
    alpha: float | None = None,
    ncols: int = 2,
    title: str | Sequence[str] | None = None,
    vmin: float | str | None = None,
    vmax: float | str | None = None,
    vcenter: float | None = None,
    groups: str | Sequence[str] | None = None,
    na_color: str = NA,
    frameon: bool = True,
    width: float = 4.0,
    dpi: float | None = None,
    ax: Axes | Sequence[Axes] | None = None,
    show: bool | None = None,
    save: str | os.PathLike | None = None,
    return_fig: bool = False,
) -> Figure | Axes | list[Axes] | None:
    """Draw an embedding, coloured by clusters or by expression, beside the tissue if wanted.

    As ``tegula pl embedding``. Of embeddings in 3 dimensions the first two are drawn.

    Parameters
    ----------
    adata
        The annotated matrix.
    basis
        The embedding in ``obsm``, with or without ``X_``; none: the first there is of SpaSNE, t-SNE, UMAP and PCA.
    color
        Columns of ``obs`` or genes, one panel each; none: plain.
    tissue
        Whether the tissue is drawn beside each panel.
    layer
        Layer that genes are read from; none: ``X``, or ``raw`` for genes that only it has.
    spatial_key
        Entry of ``obsm`` with the positions in the tissue.
    palette, cmap, legend_loc, size, alpha, vmin, vmax, vcenter, groups, na_color, frameon
        As in :func:`spatial`.
    ncols
        Panels beside each other, one with its tissue counted once.
    title
        Titles of the panels; none: the names in ``color``.
    width
        Longer side of a panel, in inches.
    dpi, ax, show, save, return_fig
        As in :func:`spatial`; with ``tissue`` there are two axes for each name.

    Returns
    -------
    As :func:`spatial`. Sets ``uns["<key>_colors"]``.

    See Also
    --------
    spatial : the tissue alone.

    Examples
    --------
    >>> import tegula as tg
    >>> tg.pl.embedding(adata, "pca", "leiden", tissue=True, save="map.png")

    """
    look = Look(palette, cmap, legend_loc, size, "round", alpha, vmin, vmax, vcenter, groups, na_color, frameon)
    key = _basis(adata, basis)
    place = Place(positions(adata, key), key.removeprefix("X_"), False)
    names = _names(color)
    panels = [Panel(place, look, name, t) for name, t in zip(names, _titles(title, names), strict=True)]
    if tissue:
        where = Place(positions(adata, spatial_key), spatial_key.removeprefix("X_"), has_image(adata))
        # The names stand once, beside the tissue.
        bare = replace(look, legend_loc=None) if legend_loc in RIGHT else look
        beside = replace(look, frameon=False)
        panels = [q for p in panels for q in (replace(p, look=bare), Panel(where, beside, p.name, "tissue"))]
        ncols *= 2
    axes, new = draw(adata, panels, layer, ax, ncols, width)
    return finish(axes, new, show, save, return_fig, dpi)


def _names(color: str | Sequence[str] | None) -> list[str | None]:
    return [None] if color is None else [color] if isinstance(color, str) else list(color) or [None]


def _titles(title: str | Sequence[str] | None, names: list[str | None]) -> list[str | None]:
    titles = names if title is None else [title] if isinstance(title, str) else list(title)
    if len(titles) != len(names):
        raise ValueError(f"title: one for each of the {len(names)} panels")
    return titles


def positions(adata: AnnData, key: str, hint: str = "name one that is there") -> np.ndarray:
    """The first two coordinates in ``obsm[key]``; ``hint`` says what to do where they are not there."""
    pyplot()
    if key not in adata.obsm:
        raise KeyError(f'obsm["{key}"] is missing; {hint} (present: {", ".join(adata.obsm)})')
    if adata.n_obs == 0:
        raise ValueError("obs holds no observations: there is nothing to draw; check the filters before")
    xy = np.asarray(adata.obsm[key], dtype=np.float64)[:, :2]
    if len(odd := np.flatnonzero(~np.isfinite(xy).all(axis=1))):
        where = f"observation {odd[0]} has the position {xy[odd[0]]}; drop or locate it first"
        raise ValueError(f'obsm["{key}"]: {where} ({len(odd)} of {len(xy)} lack a position)')
    return xy


def _basis(adata: AnnData, asked: str | None) -> str:
    wanted = BASES if asked is None else (asked, f"X_{asked}")
    found = next((key for key in wanted if key in adata.obsm), None)
    if found is None:
        hint = (
            "run tl.spasne or tl.tsne first, or name another with basis" if asked is None else "name one that is there"
        )
        raise KeyError(f'obsm["{wanted[0]}"] is missing; {hint} (present: {", ".join(adata.obsm)})')
    return found


def has_image(adata: AnnData) -> bool:
    """Whether ``uns["spatial"]`` holds an image of some library."""
    libraries = adata.uns.get("spatial")
    if not isinstance(libraries, Mapping):
        return False
    return any(isinstance(v, Mapping) and v.get("images") for v in libraries.values())
