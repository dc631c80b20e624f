"""A heat map with a number in every cell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ._figure import Box, add_bar, text_width
from ._palette import EMPTY, INK, MARKED

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SHAPE = 1.5
"""A cell is so much wider than high."""

LOW, TALL = 13 / 72, 30 / 72
"""Inches between which a cell's height lies."""

NAMES, NUMBERS = 8, 7
"""Sizes of the names of rows and columns and of the numbers in the cells, in points."""

LONGEST = 24
"""Letters of the longest name of a row or column."""


@dataclass(frozen=True)
class Sheet:
    """A heat map, as large as its names and cells need.

    Attributes
    ----------
    values, texts
        What colours a cell and what is written in it, row by row.
    rows, columns
        Names, the first row at the top.
    title
        What is written above.
    axes
        What the columns and what the rows are.
    marked
        The cell that is framed.
    limits
        Values at the ends of the colours; none: the least and the greatest.

    """

    values: np.ndarray
    texts: np.ndarray
    rows: list[str]
    columns: list[str]
    title: str
    axes: tuple[str, str]
    marked: tuple[int, int] | None = None
    limits: tuple[float, float] | None = None

    def box(self, width: float) -> Box:
        """Inches for a heat map whose longer side is about ``width``."""
        n_rows, n_columns = self.values.shape
        tall = float(np.clip(min(width / n_rows, width / (SHAPE * n_columns)), LOW, TALL))
        left = 0.3 + _widest(self.rows)
        below = 0.3 + (_widest(self.columns) if self._upright(SHAPE * tall) else NAMES / 72)
        return Box(SHAPE * tall * n_columns, tall * n_rows, left, right=0.75, below=below)

    def draw(self, ax: Axes, cmap: Any, new: bool) -> None:
        """Draw it with its names and its bar; numbers that are wider than their cell are left out."""
        import matplotlib

        table = matplotlib.colormaps[cmap] if isinstance(cmap, str) else cmap
        lo, hi = self.limits or (None, None)
        shown = np.ma.masked_invalid(self.values)
        image = ax.imshow(shown, cmap=table.with_extremes(bad=EMPTY), aspect=1 / SHAPE, vmin=lo, vmax=hi)
        cell = _cell(ax, self.values.shape)
        for (r, c), text in np.ndenumerate(self.texts):
            if text and text_width(text, NUMBERS) < cell - 0.03:
                light = np.dot(image.cmap(image.norm(self.values[r, c]))[:3], (0.299, 0.587, 0.114)) >= 140 / 255
                color = INK if light else "white"
                ax.text(c, r, text, ha="center", va="center", fontsize=NUMBERS, color=color)
        if self.marked is not None:
            from matplotlib.patches import Rectangle

            r, c = self.marked
            corner = (c - 0.5, r - 0.5)
            ax.add_patch(Rectangle(corner, 1, 1, fill=False, edgecolor=MARKED, linewidth=2, clip_on=False))
        style = {"fontsize": NAMES, "color": INK}
        turn = 90 if self._upright(cell) else 0
        ax.set_xticks(range(len(self.columns)), [_fit(name) for name in self.columns], rotation=turn, **style)
        ax.set_yticks(range(len(self.rows)), [_fit(name) for name in self.rows], **style)
        ax.set_xticks(np.arange(len(self.columns) + 1) - 0.5, minor=True)
        ax.set_yticks(np.arange(len(self.rows) + 1) - 0.5, minor=True)
        ax.grid(which="minor", color="white", linewidth=0.6)
        ax.tick_params(which="both", length=0)
        ax.spines[:].set_visible(False)
        ax.set_title(self.title, fontsize=10, color=INK)
        ax.set_xlabel(self.axes[0], **style)
        ax.set_ylabel(self.axes[1], **style)
        add_bar(ax, image, new)

    def _upright(self, cell: float) -> bool:
        """Names of columns run upwards where they are wider than a cell."""
        return _widest(self.columns) > cell - 0.03


def _cell(ax: Axes, shape: tuple[int, int]) -> float:
    """Inches across a cell in these axes."""
    wide, tall = np.array(ax.get_position().size) * ax.figure.get_size_inches()
    return min(wide / shape[1], SHAPE * tall / shape[0])


def _fit(name: str) -> str:
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"


def _widest(names: list[str]) -> float:
    return max(text_width(_fit(name), NAMES) for name in names)
