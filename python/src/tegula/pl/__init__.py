"""Figures in matplotlib, with the colours of the command's: ``tegula.pl``.

Needs matplotlib (``pip install 'tegula[plot]'``), which is imported when a figure is drawn.
"""

from ._grid import spasne_screen, sweep
from ._scatter import embedding, spatial

__all__ = ["embedding", "spasne_screen", "spatial", "sweep"]
