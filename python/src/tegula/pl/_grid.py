"""Heat maps of tables: a cell for every combination of two parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ._figure import finish, open_axes, pyplot
from ._sheet import Sheet

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    import pandas as pd
    from anndata import AnnData
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


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

    As ``tegula pl sweep``. What is recommended has a red frame: look for domains that come back from other seeds
    (``stability``, high) and are compact and smooth in the tissue (``chaos`` and ``pas``, low).

    Parameters
    ----------
    adata
        The annotated matrix.
    measures
        Columns of ``uns[key]["table"]``, one panel each.
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

    Examples
    --------
    >>> import tegula as tg
    >>> tg.tl.sweep(adata, s_neigh=[6, 12], resolution=[0.5, 1.0])
    >>> tg.pl.sweep(adata, ["stability", "n_clusters"], save="sweep.png")

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

    As ``tegula pl spasne_screen``. The best pair of ``alpha`` and ``beta`` has a red frame: its map keeps distances in
    expression (``r1``) as well as in the tissue (``r2``), from whatever start (``sd``, low: runs agree).

    Parameters
    ----------
    adata
        The annotated matrix.
    measures
        Columns of ``uns[key]["table"]``, one panel each.
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

    Examples
    --------
    >>> import tegula as tg
    >>> tg.pl.spasne_screen(adata, ["r1", "r2"], save="screen.png")

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
    down, named = _places(table[rows].apply(lambda column: column.map(_short)).agg(" · ".join, axis=1))
    across, headed = _places(table[columns].map(_short))
    sheets = []
    for measure in measures:
        values = np.full((len(named), len(headed)), np.nan)
        values[down, across] = table[measure].to_numpy(dtype=float)
        texts = np.vectorize(lambda v: _short(v) if np.isfinite(v) else "", otypes=[object])(values)
        cell = None if marked is None else (down[marked], across[marked])
        sheets.append(Sheet(values, texts, named, headed, measure, (columns, " · ".join(rows)), cell))
    ax, ncols, width = sheet
    axes, new = open_axes(ax, [one.box(width) for one in sheets], ncols)
    for one, place in zip(sheets, axes, strict=True):
        one.draw(place, cmap, new)
    return axes, new


def _places(written: pd.Series) -> tuple[np.ndarray, list[str]]:
    """Which word stands in each line, and the different words in their order."""
    import pandas as pd

    codes, names = pd.factorize(written)
    return codes, list(names)


def _short(v: float) -> str:
    """A number in a few digits."""
    if float(v).is_integer():
        return f"{v:.0f}".replace("-", "\u2212")
    return f"{v:.{3 if abs(v) < 0.1 else 2}f}".rstrip("0").rstrip(".").replace("-", "\u2212")
