"""A million points: one mark, stamped."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.artist import allow_rasterization
from matplotlib.collections import Collection
from matplotlib.path import Path
from matplotlib.transforms import Affine2D, IdentityTransform

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SHIFT = Affine2D().translate(-0.5, -0.5)

MANY = 50_000
"""More points are stamped, and are an image in SVG and PDF."""

RUNS = 32
"""They are drawn in so many runs, each colour by colour: no category lies on top of all others."""


class Marks(Collection):
    """Equal marks whose width is a length in the data, so that it follows the axes.

    Matplotlib draws points of several colours one by one; of many points, all of one colour are stamped at once here,
    each at the nearest pixel.

    Parameters
    ----------
    xy
        Positions, in the order they are drawn in.
    codes
        Number of each point's colour.
    colors
        The colours.
    diameter
        Width of a mark in the unit of the positions.
    round
        Discs, or squares.
    alpha
        Opacity.
    ax
        Where they are drawn.
    """

    def __init__(
        self,
        xy: np.ndarray,
        codes: np.ndarray,
        colors: np.ndarray,
        diameter: float,
        round: bool,
        alpha: float | None,
        ax: Axes,
    ) -> None:
        super().__init__(
            offsets=xy, offset_transform=ax.transData, linewidths=0, alpha=alpha, rasterized=len(xy) > MANY
        )
        self._codes, self._colors, self.diameter = codes, colors, diameter
        self._path = Path.circle((0, 0), 0.5) if round else Path.unit_rectangle().transformed(SHIFT)
        self.set_paths([self._path])
        self.set_facecolor(colors[codes])
        self.set_edgecolor("none")
        self.set_in_layout(False)
        self.set_transform(IdentityTransform())
        ax.add_collection(self, autolim=False)

    @allow_rasterization
    def draw(self, renderer) -> None:
        """Draw the marks one by one, or stamp them run by run and colour by colour."""
        if not self.get_visible():
            return
        data = self.axes.transData
        width = abs(data.transform((self.diameter, 0))[0] - data.transform((0, 0))[0])
        if len(self._codes) <= MANY:
            self._transforms = Affine2D().scale(width).get_matrix()[np.newaxis]
            super().draw(renderer)
            return
        # Smaller ones would leave gaps between pixels.
        shape = Affine2D().scale(max(width, 1.5))
        xy = np.asarray(self.get_offsets())
        gc = renderer.new_gc()
        self._set_gc_clip(gc)
        gc.set_alpha(self._alpha)
        gc.set_linewidth(0)
        for run in np.array_split(np.arange(len(xy)), RUNS if len(self._colors) < 256 else 1):
            order = run[np.argsort(self._codes[run], kind="stable")]
            codes, starts = np.unique(self._codes[order], return_index=True)
            for code, members in zip(codes, np.split(order, starts[1:]), strict=True):
                color = tuple(self._colors[code])
                gc.set_foreground(color)
                renderer.draw_markers(gc, self._path, shape, Path(xy[members]), data, color)
        gc.restore()
        self.stale = False


def spacing(xy: np.ndarray) -> float:
    """The median distance to the third nearest neighbour, of at most 4,096 points: on a lattice that between spots.

    The command's figures have marks of this width, too.
    """
    from scipy.spatial import cKDTree

    if np.ptp(xy[:, 1]) > np.ptp(xy[:, 0]):
        xy = xy[:, ::-1]
    sorted_ = np.sort(xy[:, 0] + 1j * xy[:, 1])
    sorted_ = sorted_[np.append(True, sorted_[1:] != sorted_[:-1])]
    n = len(sorted_)
    if n < 2:
        return 1.0
    points = np.column_stack([sorted_.real, sorted_.imag])
    m, k = min(n, 4096), min(3, n - 1)
    tree = cKDTree(points, balanced_tree=False, compact_nodes=False)
    distances = tree.query(points[np.arange(m) * n // m], k=k + 1)[0][:, k]
    return float(np.sort(distances)[len(distances) // 2])
