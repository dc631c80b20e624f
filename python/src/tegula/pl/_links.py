"""What a projection matched, as lines between two sections."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from ._figure import finish, pyplot
from ._panel import Lines, Look, Panel, Place, draw_shades
from ._scatter import has_image, positions
from ._sections import GROUND, labels_of, mixed, sections_of
from ._shade import Categories, categories, colors_of

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    import pandas as pd
    from anndata import AnnData
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SHEAR, FLAT = 0.4, 0.4
"""The planes seen from the side: how much of y goes to the right, and how much remains of its height."""

UNCOLORED = "#6e6e6e"
"""The colour of lines where nothing is coloured."""


def links(
    adata: AnnData,
    color: str | None = None,
    *,
    key: str = "cast_project",
    spatial_key: str | None = None,
    n_links: int = 200,
    lift: float = 1.25,
    line_width: float = 0.4,
    palette: str | Sequence[str] | Mapping[str, str] | None = None,
    legend_loc: str | None = "right margin",
    size: float = 0.8,
    alpha: float | None = None,
    invert_y: bool | None = None,
    na_color: str = GROUND,
    width: float = 6.0,
    dpi: float | None = None,
    ax: Axes | None = None,
    show: bool | None = None,
    save: str | os.PathLike | None = None,
    return_fig: bool = False,
) -> Figure | Axes | None:
    """Draw what :func:`tegula.tl.cast_project` matched: lines between the target above and the source below.

    As ``tegula pl links``. Upright lines are matches at the same place, slanting ones are far; with ``color``, lines
    within a region should end in the same region. Some observations of the target, spread evenly over it, have a line
    to their best match, in the colour of the target's end.

    Parameters
    ----------
    adata
        The annotated matrix.
    color
        Column of categories in ``obs`` to colour by; the target by ``<color>_projected`` where it has no labels of its
        own. None: the two sections.
    key
        Name of the projection in ``uns`` and ``obsp``.
    spatial_key
        Positions in ``obsm``; none: those that the projection used.
    n_links
        Lines.
    lift
        How far the planes lie apart, as a multiple of their height on the page.
    line_width
        Width of a line in points (1/72 inch).
    palette, legend_loc, alpha, invert_y, na_color
        As in :func:`spatial`.
    size
        Width of a mark as a multiple of the distance between neighbours.
    width
        Longer side of the panel, in inches.
    dpi, ax, show, save, return_fig
        As in :func:`spatial`.

    Returns
    -------
    As :func:`spatial`. Sets ``uns["<key>_colors"]``.

    See Also
    --------
    cast_project : how good the projection is.

    References
    ----------
    Tang et al. 2024, <https://doi.org/10.1038/s41592-024-02410-7>

    Examples
    --------
    >>> import tegula as tg
    >>> tg.tl.cast_project(adata, library_key="section", label_key="cell_type")
    >>> tg.pl.links(adata, "cell_type", save="links.png")

    """
    pyplot()
    from ._marks import spacing

    for name, value in (("lift", lift), ("line_width", line_width)):
        if not 0 < value <= 100:
            raise ValueError(f"{name} must be above 0, at most 100 (is {value})")
    told = adata.uns.get(key)
    if not isinstance(told, Mapping) or key not in adata.obsp:
        raise KeyError(f'uns["{key}"] or obsp["{key}"] is missing; run tl.cast_project first, or pass key')
    if lacking := [k for k in ("library_key", "source", "target", "spatial_key") if k not in told]:
        raise ValueError(f'uns["{key}"] has no `{lacking[0]}`; run tl.cast_project again')
    library_key, names = told["library_key"], [told["source"], told["target"]]
    sections = sections_of(adata, library_key)
    of = [np.flatnonzero(sections == name) for name in names]
    for name, members in zip(names, of, strict=True):
        if not len(members):
            raise ValueError(f'obs["{library_key}"] has no observation of `{name}` any more; run tl.cast_project again')
    xy = positions(adata, spatial_key or told["spatial_key"], "run tl.cast_stack first, or name other positions")
    column = library_key if color is None else color
    kinds = _kinds(adata, column, sections if color is None else labels_of(adata, column), of)
    planes = _planes([xy[members] for members in of], lift, has_image(adata) if invert_y is None else invert_y)
    rows, shown = np.concatenate(of), np.concatenate(planes)
    place = np.full(xy.shape, np.nan)
    place[rows] = shown
    ends = _best(adata.obsp[key], of[1][mixed(len(of[1]))], n_links)
    colors = [*colors_of(adata, column, kinds.names, palette), na_color]
    codes = np.full(adata.n_obs, -1)
    codes[rows] = kinds.codes
    line_colors = UNCOLORED if color is None else [colors[c] for c in codes[ends[:, 0]]]
    look = Look(palette, None, legend_loc, size, "round", alpha, None, None, None, None, na_color, False)
    where = Place(shown, "spatial", False, FLAT * spacing(xy[of[1]]))
    title = f"{names[0]} (below) onto {names[1]} (above)"
    panel = Panel(where, look, column, title, Lines(place[ends], line_colors, line_width))
    axes, new = draw_shades(adata, [panel], [kinds], ax, 1, width)
    return finish(axes, new, show, save, return_fig, dpi)


def _kinds(adata: AnnData, column: str, labels: pd.Categorical, of: list[np.ndarray]) -> Categories:
    """Categories of the source, then of the target: its own, or the projected ones where it has none."""
    kinds, projected = categories(column, labels), f"{column}_projected"
    source, target = (kinds.codes[members] for members in of)
    if (target < 0).all() and projected in adata.obs:
        target = labels_of(adata, projected)[of[1]].set_categories(kinds.names).codes
    kinds.codes = np.concatenate([source, target])
    return kinds


def _planes(sections: list[np.ndarray], lift: float, y_down: bool) -> list[np.ndarray]:
    """Source and target as planes seen from the side, the target above."""
    both = np.concatenate(sections)
    across, tall = np.ptp(both, axis=0)
    middle = (both[:, 1].min() + both[:, 1].max()) / 2
    # A flat tissue has no height to go by.
    height = lift * FLAT * max(tall, 0.3 * across)
    planes = []
    for side, xy in enumerate(sections):
        y = (middle - xy[:, 1]) if y_down else (xy[:, 1] - middle)
        planes.append(np.column_stack([xy[:, 0] + SHEAR * y, FLAT * y + height * side]))
    return planes


def _best(weights, targets: np.ndarray, most: int) -> np.ndarray:
    """Targets that have a match, ``most`` of them, each with the source of the largest weight."""
    weights = weights.tocsr()
    linked = targets[np.diff(weights.indptr)[targets] > 0][:most]
    rows = [slice(weights.indptr[i], weights.indptr[i + 1]) for i in linked]
    sources = [weights.indices[row][np.argmax(weights.data[row])] for row in rows]
    return np.column_stack([linked, np.array(sources, dtype=linked.dtype)])
