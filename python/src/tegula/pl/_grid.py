"""Heat maps of tables: a cell for every combination of two parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ._figure import Box, add_bar, finish, open_axes, pyplot, text_width
from ._palette import EMPTY, INK, MARKED

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    import pandas as pd
    from anndata import AnnData
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FLAT = 0.6
"""Height of a cell over its width."""


def sweep(
    adata: AnnData,
    measures: Sequence[str] = ("stability", "n_clusters", "chaos", "pas"),
    *,
    key: str = "sweep",
    cmap: str = "viridis",
    ncols: int = 2,
    width: float = 2.5,
    dpi: float | None = None,
    ax: Axes | Sequence[Axes] | None = None,
    show: bool | None = None,
    save: str | os.PathLike | None = None,
    return_fig: bool = False,
) -> Figure | Axes | list[Axes] | None:
    """Draw what :func:`tegula.tl.sweep` found: a heat map for every measure.

    As ``tegula pl sweep``. What is recommended has a red frame.

    Parameters
    ----------
    adata
        The annotated matrix.
    measures
        Columns of the table, one panel each.
    key
        Name of the result in ``uns``.
    cmap
        Colours: a map of matplotlib.
    ncols
        Panels beside each other.
    width
        Longer side of a panel, in inches.
    dpi, ax, show, save, return_fig
        As in :func:`spatial`.

    Returns
    -------
    As :func:`spatial`.
    """
    entry = _entry(adata, key, "tl.sweep")
    table = entry["table"]
    # With a wanted number of domains every line has a resolution of its own.
    pairs = table[["s_neigh", "e_neigh"]].drop_duplicates()
    rows, columns = (["s_neigh"], "e_neigh") if len(pairs) == len(table) else (["s_neigh", "e_neigh"], "resolution")
    marked = int(entry["recommended"]["row"]) if "recommended" in entry else None
    axes, new = _heat(table, rows, columns, measures, marked, cmap, (ax, ncols, width))
    return finish(axes, new, show, save, return_fig, dpi)


def spasne_screen(
    adata: AnnData,
    measures: Sequence[str] = ("r1", "r2", "sd", "score"),
    *,
    grid: Literal["last", "rough", "fine"] = "last",
    key: str = "spasne_screen",
    cmap: str = "viridis",
    ncols: int = 2,
    width: float = 2.5,
    dpi: float | None = None,
    ax: Axes | Sequence[Axes] | None = None,
    show: bool | None = None,
    save: str | os.PathLike | None = None,
    return_fig: bool = False,
) -> Figure | Axes | list[Axes] | None:
    """Draw what :func:`tegula.tl.spasne_screen` found: a heat map for every measure.

    As ``tegula pl spasne_screen``. The best pair has a red frame.

    Parameters
    ----------
    adata
        The annotated matrix.
    measures
        Columns of the table, one panel each.
    grid
        The wide grid, the fine one, or the last there is.
    key
        Name of the result in ``uns``.
    cmap
        Colours: a map of matplotlib.
    ncols
        Panels beside each other.
    width
        Longer side of a panel, in inches.
    dpi, ax, show, save, return_fig
        As in :func:`spatial`.

    Returns
    -------
    As :func:`spatial`.
    """
    entry = _entry(adata, key, "tl.spasne_screen")
    table = entry["table"]
    stage = {"rough": 1, "fine": 2, "last": max(int(table["stage"].max()), 1)}[grid]
    table = table[table["stage"] == stage].reset_index(drop=True)
    if table.empty:
        raise ValueError(f"grid: the table holds no line of the {grid} grid")
    best = np.flatnonzero((table["alpha"] == entry.get("alpha")) & (table["beta"] == entry.get("beta")))
    marked = int(best[0]) if len(best) else None
    axes, new = _heat(table, ["alpha"], "beta", measures, marked, cmap, (ax, ncols, width))
    return finish(axes, new, show, save, return_fig, dpi)


def _entry(adata: AnnData, key: str, method: str) -> Any:
    pyplot()
    if key not in adata.uns or "table" not in adata.uns[key]:
        raise KeyError(f'uns["{key}"] is missing; run {method} first, or pass key')
    return adata.uns[key]


def _heat(
    table: pd.DataFrame,
    rows: list[str],
    columns: str,
    measures: Sequence[str],
    marked: int | None,
    cmap: str,
    sheet: tuple[Any, int, float],
) -> tuple[list[Axes], bool]:
    measures = [measures] if isinstance(measures, str) else list(measures)
    if odd := set(measures) - set(table.columns):
        raise ValueError(f"{', '.join(sorted(odd))}: no column of numbers; the table has {', '.join(table)}")
    rows = [r for r in rows if table[r].nunique() > 1] or rows[:1]
    down = table[rows].apply(lambda column: column.map(_short)).agg(" · ".join, axis=1)
    across = table[columns].map(_short)
    ax, ncols, width = sheet
    n_rows, n_columns = down.nunique(), across.nunique()
    cell = width / max(n_columns, FLAT * n_rows)
    left = 0.3 + max(text_width(name, 8) for name in down)
    box = Box(cell * n_columns, cell * FLAT * n_rows, left, right=0.75, below=0.45)
    axes, new = open_axes(ax, [box] * len(measures), ncols)
    for one, measure in zip(axes, measures, strict=True):
        _cells(one, table[measure].to_numpy(dtype=float), down, across, marked, cmap, new)
        one.set_title(measure, fontsize=10, color=INK)
        one.set_xlabel(columns, fontsize=8, color=INK)
        one.set_ylabel(" · ".join(rows), fontsize=8, color=INK)
    return axes, new


def _cells(
    ax: Axes, values: np.ndarray, down: pd.Series, across: pd.Series, marked: int | None, cmap: str, new: bool
) -> None:
    import matplotlib
    from matplotlib.patches import Rectangle

    names, places = zip(*(_places(s) for s in (down, across)), strict=True)
    cells = np.full((len(names[0]), len(names[1])), np.nan)
    cells[places] = values
    colors = matplotlib.colormaps[cmap].with_extremes(bad=EMPTY)
    image = ax.imshow(np.ma.masked_invalid(cells), cmap=colors, aspect=FLAT)
    for (r, c), v in np.ndenumerate(cells):
        if np.isfinite(v):
            light = np.dot(image.cmap(image.norm(v))[:3], (0.299, 0.587, 0.114)) >= 140 / 255
            ax.text(c, r, _short(v), ha="center", va="center", fontsize=7, color=INK if light else "white")
    if marked is not None:
        corner = (places[1][marked] - 0.5, places[0][marked] - 0.5)
        ax.add_patch(Rectangle(corner, 1, 1, fill=False, edgecolor=MARKED, linewidth=2, clip_on=False))
    ax.set_xticks(range(len(names[1])), names[1], fontsize=8, color=INK)
    ax.set_yticks(range(len(names[0])), names[0], fontsize=8, color=INK)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    add_bar(ax, image, new)


def _places(written: pd.Series) -> tuple[list[str], np.ndarray]:
    """The different words in their order, and which one stands in each line."""
    import pandas as pd

    codes, names = pd.factorize(written)
    return list(names), codes


def _short(v: float) -> str:
    """A number in a few digits."""
    if float(v).is_integer():
        return f"{v:.0f}".replace("-", "\u2212")
    return f"{v:.{3 if abs(v) < 0.1 else 2}f}".rstrip("0").rstrip(".").replace("-", "\u2212")
