"""Sheets of panels, and what becomes of them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MARGIN, GUTTER = 0.1, 0.25
"""Inches of white around the sheet and between panels."""


@dataclass
class Box:
    """What a panel takes, in inches.

    Attributes
    ----------
    width, height
        The panel itself.
    left, right, above, below
        What is written around it.

    """

    width: float
    height: float
    left: float = 0.0
    right: float = 0.0
    above: float = 0.25
    below: float = 0.0


def pyplot() -> Any:
    """Matplotlib's pyplot."""
    try:
        import matplotlib.pyplot as plt
    except ImportError as e:
        raise ImportError("figures need matplotlib: pip install 'tegula[plot]'") from e
    return plt


def text_width(text: str, points: float) -> float:
    """Inches that a text takes."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    return text_to_path.get_text_width_height_descent(text, FontProperties(size=points), ismath=False)[0] / 72


def open_axes(ax: Axes | Sequence[Axes] | None, boxes: Sequence[Box], ncols: int) -> tuple[list[Axes], bool]:
    """Axes for panels, ``ncols`` beside each other, and whether they are new."""
    if ax is not None:
        axes = list(np.ravel(np.asarray(ax, dtype=object)))
        if len(axes) != len(boxes):
            raise ValueError(f"ax: {len(boxes)} panels need as many axes; {len(axes)} are given")
        return axes, False
    if ncols < 1:
        raise ValueError(f"ncols must be at least 1 (is {ncols})")
    ncols = min(ncols, len(boxes))
    columns = [boxes[c::ncols] for c in range(ncols)]
    rows = [boxes[r * ncols : (r + 1) * ncols] for r in range(math.ceil(len(boxes) / ncols))]
    lefts, wide, rights = (_most(columns, side) for side in ("left", "width", "right"))
    aboves, tall, belows = (_most(rows, side) for side in ("above", "height", "below"))
    across, width = _line(lefts, wide, rights)
    down, height = _line(aboves, tall, belows)
    figure = pyplot().figure(figsize=(width, height))
    axes = []
    for i, box in enumerate(boxes):
        r, c = divmod(i, ncols)
        x = across[c] + (wide[c] - box.width) / 2
        y = height - down[r] - tall[r] + (tall[r] - box.height) / 2
        axes.append(figure.add_axes((x / width, y / height, box.width / width, box.height / height)))
    return axes, True


def add_bar(ax: Axes, mappable: Any, new: bool) -> None:
    """A colour bar on the right, beside a new panel; else matplotlib makes room for it in the given axes."""
    from ._palette import INK, LINE

    figure = ax.figure
    if new:
        at = ax.get_position()
        width, height = figure.get_size_inches()
        tall = min(at.height, max(0.6 * at.height, 1.0 / height))
        place = (at.x1 + 0.12 / width, at.y0 + (at.height - tall) / 2, 0.12 / width, tall)
        bar = figure.colorbar(mappable, cax=figure.add_axes(place))
    else:
        bar = figure.colorbar(mappable, ax=ax, shrink=0.6, pad=0.03)
    bar.outline.set(color=LINE, linewidth=0.6)
    bar.ax.tick_params(labelsize=8, color=LINE, labelcolor=INK, width=0.6)


def finish(
    axes: list[Axes], new: bool, show: bool | None, save: Any, return_fig: bool, dpi: float | None
) -> Figure | Axes | list[Axes] | None:
    """Save, show or give back, in scanpy's manner.

    A figure is shown where it is neither drawn into given axes nor saved nor asked for.
    """
    figure = axes[0].figure
    if save is not None:
        figure.savefig(save, dpi=dpi or 150, bbox_inches="tight")
    if show is None:
        show = new and save is None and not return_fig
    if show:
        pyplot().show()
        return None
    if save is not None and new and not return_fig:
        pyplot().close(figure)
        return None
    if return_fig:
        return figure
    return axes[0] if len(axes) == 1 else axes


def _most(lines: list[list[Box]], side: str) -> list[float]:
    return [max(getattr(box, side) for box in line) for line in lines]


def _line(before: list[float], inside: list[float], after: list[float]) -> tuple[list[float], float]:
    """Where each panel begins, and how long all are."""
    starts, at = [], MARGIN
    for b, i, a in zip(before, inside, after, strict=True):
        starts.append(at + b)
        at += b + i + a + GUTTER
    return starts, at - GUTTER + MARGIN
