"""One panel of observations: its marks and its key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ._figure import Box, add_bar, open_axes, text_width
from ._palette import INK, LINE, PLAIN
from ._shade import Categories, colors_of, look_up

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anndata import AnnData
    from matplotlib.axes import Axes

RIGHT = ("right margin", "right_margin")
"""Names of the usual place of a legend."""


@dataclass(frozen=True)
class Look:
    """How observations are drawn, as :func:`spatial` takes it."""

    palette: Any
    cmap: Any
    legend_loc: str | None
    size: float
    marker: str
    alpha: float | None
    vmin: float | str | None
    vmax: float | str | None
    vcenter: float | None
    groups: str | Sequence[str] | None
    na_color: str
    frameon: bool


class Place:
    """Positions, the name of their axes, which way y grows, and how far observations lie apart."""

    def __init__(self, xy: np.ndarray, name: str, y_down: bool, apart: float | None = None) -> None:
        from ._marks import spacing

        self.xy, self.name, self.y_down = xy, name, y_down
        self.spacing = spacing(xy) if apart is None else apart


@dataclass(frozen=True)
class Lines:
    """Straight lines over the marks: both ends of each, their colours, and their width in points."""

    ends: np.ndarray
    colors: Any
    width: float


@dataclass(frozen=True)
class Panel:
    """Where, how, by which name, what is written above, and what lies over the marks.

    Marks that nothing colours have the colour ``plain``.
    """

    place: Place
    look: Look
    name: str | None
    title: str | None
    lines: Lines | None = None
    plain: str = PLAIN


def draw(adata: AnnData, panels: list[Panel], layer: str | None, ax: Any, ncols: int, width: float) -> tuple:
    """Draw panels of what their names stand for; returns their axes, and whether these are new."""
    shades = [None if p.name is None else look_up(adata, p.name, layer) for p in panels]
    return draw_shades(adata, panels, shades, ax, ncols, width)


def draw_shades(
    adata: AnnData,
    panels: Sequence[Panel],
    shades: Sequence[Categories | np.ndarray | None],
    ax: Any,
    ncols: int,
    width: float,
) -> tuple:
    """Draw panels of a category or a number for each of their positions; as :func:`draw`."""
    boxes = [_box(p, s, width) for p, s in zip(panels, shades, strict=True)]
    axes, new = open_axes(ax, boxes, ncols)
    for panel, shade, one in zip(panels, shades, axes, strict=True):
        _panel(adata, one, panel, shade, new)
    return axes, new


def _box(panel: Panel, shade: Categories | np.ndarray | None, width: float) -> Box:
    """Inches for the panel, its title and its key."""
    extent = np.ptp(_limits(panel), axis=0)
    box = Box(*np.maximum(width * extent / extent.max(), 0.5))
    if isinstance(shade, np.ndarray):
        box.right = 0.65
    elif isinstance(shade, Categories) and panel.look.legend_loc in RIGHT:
        longest = max((text_width(name, 8) for name in [*shade.names, "NA"]), default=0)
        box.right = 0.1 + _columns(shade, box.height) * (longest + 0.32)
    if panel.look.frameon:
        box.left = box.below = 0.2
    return box


def _columns(shade: Categories, height: float) -> int:
    """Columns of a legend beside a panel."""
    return max(-(-len(shade.names) // max(int(height * 6), 8)), 1)


def _limits(panel: Panel) -> np.ndarray:
    """The lower and the upper corner."""
    xy = panel.place.xy if panel.lines is None else np.concatenate([panel.place.xy, *panel.lines.ends.swapaxes(0, 1)])
    reach = 0.5 * panel.look.size * panel.place.spacing + 0.01 * np.ptp(xy, axis=0).max()
    return np.array([xy.min(axis=0) - reach, xy.max(axis=0) + reach])


def _panel(adata: AnnData, ax: Axes, panel: Panel, shade: Categories | np.ndarray | None, new: bool) -> None:
    from matplotlib.colors import to_rgba_array

    from ._marks import Marks

    place, look = panel.place, panel.look
    (left, low), (right, high) = _limits(panel)
    ax.set(xlim=(left, right), ylim=(high, low) if place.y_down else (low, high), xticks=[], yticks=[])
    ax.set_aspect("equal")
    n = len(place.xy)
    if shade is None:
        order, codes, colors = np.arange(n), np.zeros(n, dtype=int), to_rgba_array([panel.plain])
    elif isinstance(shade, Categories):
        order, codes, colors = _categories(adata, ax, panel, shade)
    else:
        order, codes, colors = _numbers(ax, panel, shade, new)
    diameter = look.size * place.spacing
    Marks(place.xy[order], codes[order], colors, diameter, look.marker == "round", look.alpha, ax)
    if panel.lines is not None:
        _lines(ax, panel.lines)
    if panel.title:
        ax.set_title(panel.title, fontsize=10, color=INK)
    ax.spines[:].set(color=LINE, linewidth=0.6)
    if look.frameon:
        ax.set_xlabel(f"{place.name}1", fontsize=8, color=INK)
        ax.set_ylabel(f"{place.name}2", fontsize=8, color=INK)
    else:
        ax.set_axis_off()


def _lines(ax: Axes, lines: Lines) -> None:
    from matplotlib.collections import LineCollection

    from ._marks import MANY

    drawn = LineCollection(lines.ends, colors=lines.colors, linewidths=lines.width, rasterized=len(lines.ends) > MANY)
    drawn.set_in_layout(False)
    ax.add_collection(drawn, autolim=False)


def _categories(adata: AnnData, ax: Axes, panel: Panel, shade: Categories) -> tuple:
    """Order, codes and colours of the points; writes the legend."""
    from matplotlib.colors import to_rgba_array

    look = panel.look
    palette = dict(look.palette) if isinstance(look.palette, Mapping) else look.palette
    colors = [*colors_of(adata, panel.name, shade.names, palette), look.na_color]
    groups = [look.groups] if isinstance(look.groups, str) else look.groups
    if odd := set(map(str, groups or ())) - set(shade.names):
        raise ValueError(f"groups: {', '.join(sorted(odd))} are no categories of `{panel.name}`")
    shown = np.array([groups is None or name in set(map(str, groups)) for name in shade.names] + [False])
    codes = np.where(shown[shade.codes], shade.codes, len(shade.names))
    # What is not shown lies below the rest.
    order = np.argsort(codes < len(shade.names), kind="stable")
    present = set(np.flatnonzero(np.bincount(codes)))
    entries = [(shade.names[i], colors[i]) for i in shade.listed if i in present]
    if look.legend_loc == "on data":
        _on_data(ax, panel.place.xy, codes, [(i, shade.names[i]) for i in shade.listed if i in present])
    elif look.legend_loc not in (None, "none", False):
        if (shade.codes < 0).any():
            entries.append(("NA", look.na_color))
        height = ax.get_position().height * ax.figure.get_figheight()
        _legend(ax, entries, look, _columns(shade, height))
    return order, codes, to_rgba_array(colors)


def _legend(ax: Axes, entries: list[tuple[str, str]], look: Look, columns: int) -> None:
    from matplotlib.lines import Line2D

    mark = {"linestyle": "", "marker": "o" if look.marker == "round" else "s", "markersize": 6, "markeredgewidth": 0}
    handles = [Line2D([], [], color=c, label=name, **mark) for name, c in entries]
    style = {"frameon": False, "fontsize": 8, "labelcolor": INK, "handletextpad": 0.1, "columnspacing": 1.0}
    if look.legend_loc in RIGHT:
        ax.legend(handles=handles, loc="center left", bbox_to_anchor=(1.0, 0.5), ncols=columns, **style)
    else:
        ax.legend(handles=handles, loc=look.legend_loc.replace("_", " "), **style)


def _on_data(ax: Axes, xy: np.ndarray, codes: np.ndarray, listed: list[tuple[int, str]]) -> None:
    """Each name on the member nearest to the median position: on the category even where it is bent."""
    from matplotlib.patheffects import withStroke

    for code, name in listed:
        members = xy[codes == code]
        at = members[((members - np.median(members, axis=0)) ** 2).sum(axis=1).argmin()]
        halo = [withStroke(linewidth=2, foreground="white")]
        ax.text(*at, name, ha="center", va="center", fontsize=8, color=INK, path_effects=halo)


def _numbers(ax: Axes, panel: Panel, values: np.ndarray, new: bool) -> tuple:
    """Order, codes and colours of the points, high values last; draws the colour bar."""
    import matplotlib
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize, to_rgba

    look = panel.look
    finite = np.isfinite(values)
    if not finite.any():
        raise ValueError(f"`{panel.name}` holds no number at all; name another column or gene")
    lo, hi = (_bound(values[finite], b, p) for b, p in ((look.vmin, 0), (look.vmax, 100)))
    if look.vcenter is not None:
        reach = max(abs(hi - look.vcenter), abs(look.vcenter - lo))
        lo, hi = look.vcenter - reach, look.vcenter + reach
    table = matplotlib.colormaps[look.cmap] if isinstance(look.cmap, str) else look.cmap
    colors = np.vstack([table(np.linspace(0, 1, 256)), to_rgba(look.na_color)])
    share = (values - lo) / (hi - lo) if hi > lo else np.where(finite, 0.5, np.nan)
    codes = np.where(finite, np.clip(np.nan_to_num(share) * 256, 0, 255), 256).astype(int)
    order = np.argsort(np.where(finite, values, -np.inf), kind="stable")
    add_bar(ax, ScalarMappable(Normalize(lo, max(hi, lo)), table), new)
    return order, codes, colors


def _bound(values: np.ndarray, bound: float | str | None, default: float) -> float:
    """A number, or a percentile such as ``"p99"``."""
    if isinstance(bound, str):
        if not bound.startswith("p"):
            raise ValueError(f"vmin, vmax: `{bound}` is neither a number nor a percentile as `p99`")
        return float(np.percentile(values, float(bound[1:])))
    if bound is not None:
        return float(bound)
    return float(values.min() if default == 0 else values.max())
