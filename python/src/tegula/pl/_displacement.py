"""How an alignment bent the sections."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ._figure import finish
from ._palette import NA
from ._panel import Lines, Look, Panel, Place, draw_shades
from ._scatter import has_image, positions
from ._sections import DARK, GROUND, STACK, asked_of, library_key_of, mixed, sections_of

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from anndata import AnnData
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

NONE = 1e-6
"""Bends smaller than this share of a section's extent are none."""

HEAD, SPREAD = 0.3, 0.45
"""Sides of an arrow's head as a share of its length, and the angle between them and the arrow."""

FINE = 4
"""Samples along a side of a square of the mesh."""


def displacement(
    adata: AnnData,
    sections: str | Sequence[str] | None = None,
    *,
    library_key: str | None = None,
    spatial_key: str = "spatial",
    aligned_key: str = "spatial_aligned",
    key: str = STACK,
    mesh: int = 16,
    n_arrows: int = 300,
    scale: float = 1.0,
    cmap: str | Colormap = "viridis",
    size: float = 1.0,
    ncols: int = 2,
    invert_y: bool | None = None,
    width: float = 4.0,
    dpi: float | None = None,
    ax: Axes | Sequence[Axes] | None = None,
    show: bool | None = None,
    save: str | os.PathLike | None = None,
    return_fig: bool = False,
) -> Figure | Axes | list[Axes] | None:
    """Draw how an alignment bent the sections: a mesh that went along, and arrows.

    As ``tegula pl displacement``: after :func:`tegula.tl.cast_stack` with ``ffd``, to see whether it bends what should
    be bent, and nowhere folds. Every section that was bent has two panels: a mesh of squares as the alignment deformed
    it; and the tissue coloured by how far it was displaced, in the unit of the positions, with arrows from where the
    affine part put an observation to where it lies. The affine part is the one in ``uns[key]``, or else the best fit of
    the positions after to those before, so that any alignment can be drawn.

    Parameters
    ----------
    adata
        The annotated matrix.
    sections
        Sections to draw; none: all that were bent.
    library_key
        Column of ``obs`` that tells the sections; none: the one that ``tl.cast_stack`` was told.
    spatial_key
        Positions before, in ``obsm``.
    aligned_key
        Positions after, in ``obsm``.
    key
        Entry of ``uns`` with the affine parts.
    mesh
        Squares of the mesh along the longer side.
    n_arrows
        Arrows at most.
    scale
        Bends are drawn so many times as large.
    cmap
        Colours of the displacement: a map of matplotlib.
    size
        Width of a mark as a multiple of the distance between neighbours.
    ncols
        Panels beside each other.
    invert_y
        Whether y grows downwards, as in images; none: where ``uns["spatial"]`` holds an image.
    width
        Longer side of a panel, in inches.
    dpi, ax, show, save, return_fig
        As in :func:`spatial`; there are two axes for each section.

    Returns
    -------
    As :func:`spatial`.

    See Also
    --------
    align : the sections over each other.

    References
    ----------
    Tang et al. 2024, <https://doi.org/10.1038/s41592-024-02410-7>; Rueckert et al. 1999,
    <https://doi.org/10.1109/42.796284>

    Examples
    --------
    >>> import tegula as tg
    >>> tg.pl.displacement(adata, library_key="section", scale=2, save="bent.pdf")

    """
    if not 2 <= mesh <= 200:
        raise ValueError(f"mesh must be between 2 and 200 (is {mesh})")
    if not 0 < scale < np.inf:
        raise ValueError(f"scale must be a number above 0 (is {scale})")
    column = library_key_of(adata, library_key)
    told = sections_of(adata, column)
    before = positions(adata, spatial_key)
    after = positions(adata, aligned_key, "run tl.cast_stack first, or pass aligned_key")
    y_down = has_image(adata) if invert_y is None else invert_y
    look = Look(None, cmap, None, size, "round", None, 0.0, None, None, None, NA, False)
    panels, shades = [], []
    for name in asked_of(told, sections, column):
        of = np.flatnonzero(told == name)
        start = _moved(before[of], after[of], _affine(adata, key, name))
        bend = after[of] - start
        far = np.hypot(*bend.T)
        if not far.size or far.max() <= NONE * np.ptp(start, axis=0).max():
            continue
        ground = Panel(Place(start + scale * bend, "spatial", y_down), look, "displacement", None, None, GROUND)
        for title, lines in (
            ("mesh", _mesh(start, bend, mesh, scale)),
            ("displacement", _arrows(start, scale * bend, n_arrows)),
        ):
            panels.append(replace(ground, title=f"{name}: {title}", lines=Lines(lines, DARK, 0.6)))
        shades += [None, far]
    if not panels:
        raise ValueError(
            f'obsm["{aligned_key}"]: no section was bent, only moved; see pl.align, or run tl.cast_stack with ffd'
        )
    axes, new = draw_shades(adata, panels, shades, ax, ncols, width)
    return finish(axes, new, show, save, return_fig, dpi)


def _affine(adata: AnnData, key: str, name: str) -> np.ndarray | None:
    """The affine part that ``tl.cast_stack`` wrote down: two rows of three numbers."""
    told = adata.uns.get(key)
    sections = told.get("sections", {}) if isinstance(told, Mapping) else {}
    # A slash would be a group in the file.
    section = sections.get(name, sections.get(name.replace("/", "_"), {}))
    return np.asarray(section["affine"], dtype=np.float64).reshape(2, 3) if "affine" in section else None


def _moved(before: np.ndarray, after: np.ndarray, affine: np.ndarray | None) -> np.ndarray:
    """Where an affine map puts positions, if none is given the one that fits best.

    On one line, where many fit equally well, a shift.
    """
    if affine is not None:
        return before @ affine[:, :2].T + affine[:, 2]
    x = before - before.mean(axis=0)
    y = after - after.mean(axis=0)
    square = x.T @ x
    flat = np.linalg.det(square) <= 1e-12 * square[0, 0] * square[1, 1]
    turn = np.eye(2) if flat else np.linalg.solve(square, x.T @ y)
    return x @ turn + after.mean(axis=0)


def _mesh(start: np.ndarray, bend: np.ndarray, squares: int, scale: float) -> np.ndarray:
    """Lines of a mesh of squares, displaced as the observations nearby are, where there are observations."""
    low, extent = start.min(axis=0), np.ptp(start, axis=0).max()
    step, across = (extent or 1.0) / (squares * FINE), squares * FINE + 1
    bins = np.minimum(((start - low) / step).astype(int), across - 1)
    sums = np.zeros((across, across, 3))
    np.add.at(sums, tuple(bins.T), np.column_stack([bend, np.ones(len(bend))]))
    # The node at the lower corner of a bin is moved by the mean over the bins around it.
    reach = FINE + 1
    off = np.arange(-reach, reach) + 0.5
    off = off[:, None] ** 2 + off**2
    padded = np.pad(sums, [(reach, reach - 1), (reach, reach - 1), (0, 0)])
    around = np.lib.stride_tricks.sliding_window_view(padded, off.shape, axis=(0, 1))
    mean = np.einsum("ijckl,kl->ijc", around, np.exp(-2.0 * off / FINE**2))
    near = np.einsum("ijkl,kl->ij", around[:, :, 2], (off <= FINE**2 / 2).astype(float)) > 0
    nodes = low + step * np.moveaxis(np.indices((across, across)), 0, -1)
    shift = mean[..., :2] / np.where(near, mean[..., 2], np.nan)[..., None]
    nodes = nodes + scale * shift
    lines = np.concatenate([nodes[::FINE], nodes[:, ::FINE].swapaxes(0, 1)])
    ends = np.stack([lines[:, :-1], lines[:, 1:]], axis=2).reshape(-1, 2, 2)
    return ends[np.isfinite(ends).all(axis=(1, 2))]


def _arrows(start: np.ndarray, bend: np.ndarray, most: int) -> np.ndarray:
    """A line and the two sides of its head for observations spread evenly."""
    of = mixed(len(start))[:most]
    tail, tip = start[of], start[of] + bend[of]
    lines = [np.stack([tail, tip], axis=1)]
    for angle in (SPREAD, -SPREAD):
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        lines.append(np.stack([tip - HEAD * bend[of] @ turn, tip], axis=1))
    return np.concatenate(lines)
