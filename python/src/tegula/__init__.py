"""Tegula: an engine for spatial transcriptomics, in place on :class:`anndata.AnnData`."""

from . import metrics, pl, pp, tl
from ._settings import settings
from ._simulate import simulate
from ._tegula import __version__

__all__ = ["__version__", "metrics", "pl", "pp", "settings", "simulate", "tl"]
