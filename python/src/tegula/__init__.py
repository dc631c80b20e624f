"""Tegula: an engine for spatial transcriptomics, in place on :class:`anndata.AnnData`."""

from . import io, metrics, pl, pp, tl
from ._settings import settings
from ._simulate import simulate
from ._tegula import __version__

__all__ = ["__version__", "io", "metrics", "pl", "pp", "settings", "simulate", "tl"]
