"""Figures under spateo's names: ``st.pl``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ... import pl

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anndata import AnnData

__all__ = ["space"]

OTHERS = {"layer": "layer", "cmap": "cmap", "ncols": "ncols", "ax": "ax", "color_key": "palette"}
"""Arguments that spateo hands on to its scatter plot, and ours."""

HARMLESS = {
    "despline",
    "despline_sides",
    "deaxis",
    "show_arrowed_spines",
    "aspect",
    "projection",
    "background",
    "theme",
}
"""Those that change frames and grounds only; here there are none."""


def space(
    adata: AnnData,
    color: str | Sequence[str] | None = None,
    genes: str | Sequence[str] = (),
    gene_cmaps: Any = None,
    space: str = "spatial",
    width: float = 6,
    marker: str = ".",
    pointsize: float | None = None,
    dpi: int = 100,
    ps_sample_num: int = 1000,
    alpha: float = 0.8,
    stack_genes: bool = False,
    stack_genes_threshold: float = 0.01,
    stack_colors_legend_size: int = 10,
    figsize: tuple[float, float] | None = None,
    **kwargs: Any,
) -> Any:
    """Draw the tissue, coloured by columns of ``obs`` or by genes.

    The pictures are :func:`tegula.pl.spatial`'s: equal axes, scanpy's colours (kept in ``uns["<key>_colors"]``), marks
    that touch where no ``pointsize`` is given, names of categories on the data as in spateo. ``stack_genes`` is not
    supported. ``obsm["X_spatial"]``, which spateo adds, is read where it is there and not written.

    Parameters
    ----------
    adata
        Annotated data.
    color, genes
        Columns of ``obs`` and genes, one panel each, genes first.
    gene_cmaps, stack_genes_threshold, stack_colors_legend_size
        Only for ``stack_genes``.
    space
        The positions in ``obsm``, with or without ``X_``.
    width
        Width of a panel in inches, where ``figsize`` is not given.
    marker
        ``"s"`` for squares; anything else for discs.
    pointsize
        Size of the marks, as spateo counts it.
    dpi
        Pixels per inch of a saved figure.
    ps_sample_num
        Without effect.
    alpha
        Opacity.
    stack_genes
        Only ``False``.
    figsize
        Inches of a panel; the longer side counts.
    **kwargs
        ``layer``, ``cmap``, ``ncols``, ``ax``, ``color_key``, ``color_key_cmap``, ``show_legend``, ``highlights``,
        ``save_show_or_return`` and ``save_kwargs`` mean what they mean in spateo; those about spines and grounds are
        without effect, any other is an error.

    Returns
    -------
    The axes, where ``save_show_or_return`` is ``"return"`` or ``"all"``.

    See Also
    --------
    tegula.pl.spatial : the same with every argument.
    """
    if stack_genes and color is None:
        raise ValueError("stack_genes is not supported; draw a panel for each gene")
    names = [*([genes] if isinstance(genes, str) else genes), *([color] if isinstance(color, str) else color or ())]
    if not names:
        return None
    mode, options = kwargs.pop("save_show_or_return", "show"), kwargs.pop("save_kwargs", None) or {}
    given = {ours: kwargs.pop(theirs) for theirs, ours in OTHERS.items() if kwargs.get(theirs) is not None}
    if given.get("layer") == "X":
        del given["layer"]
    given.setdefault("palette", kwargs.pop("color_key_cmap", None))
    legend = kwargs.pop("show_legend", "on data")
    given["legend_loc"] = legend if isinstance(legend, str) else "right margin" if legend else None
    given["groups"] = kwargs.pop("highlights", None)
    if unknown := kwargs.keys() - HARMLESS - OTHERS.keys():
        raise TypeError(f"space() got unexpected arguments: {', '.join(sorted(unknown))}")
    key = f"X_{space}" if f"X_{space}" in adata.obsm else space
    inches = max(figsize) if figsize is not None else _longer(adata, key, width)
    if pointsize is not None:
        given["size"] = _size(adata, key, pointsize, inches)
    axes = pl.spatial(
        adata,
        names,
        spatial_key=key,
        marker="square" if marker == "s" else "round",
        alpha=alpha,
        width=inches,
        show=False,
        **{"ncols": 4, **given},
    )
    return _end(axes, mode, options, dpi)


def _longer(adata: AnnData, key: str, width: float) -> float:
    """The longer side of a panel that is so wide."""
    extent = np.ptp(np.asarray(adata.obsm[key])[:, :2], axis=0)
    return width * max(extent[1] / extent[0], 1.0)


def _size(adata: AnnData, key: str, pointsize: float, inches: float) -> float:
    """Spateo's size as a multiple of the distance between neighbours."""
    from ...pl._marks import spacing

    xy = np.asarray(adata.obsm[key], dtype=np.float64)[:, :2]
    # Matplotlib's "." is half as wide as the root of its area in points.
    points = 0.5 * np.sqrt(16000 / np.sqrt(len(xy)) * pointsize)
    return points * np.ptp(xy, axis=0).max() / (72 * inches * spacing(xy))


def _end(axes: Any, mode: str, options: dict[str, Any], dpi: int) -> Any:
    from ...pl._figure import pyplot

    if mode in ("save", "both", "all"):
        name = f"{options.get('prefix', 'scatter')}.{options.get('ext', 'pdf')}"
        first = axes[0] if isinstance(axes, list) else axes
        first.figure.savefig(options.get("path") or name, dpi=options.get("dpi") or dpi, bbox_inches="tight")
    if mode in ("show", "both", "all"):
        pyplot().show()
    return axes if mode in ("return", "all") else None
