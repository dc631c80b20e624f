"""Tegula: an engine for spatial transcriptomics, in place on :class:`anndata.AnnData`."""

from . import pp, tl
from ._settings import settings
from ._simulate import simulate
from ._tegula import __version__

__all__ = ["__version__", "pp", "settings", "simulate", "tl"]
