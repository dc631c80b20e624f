"""Figures in matplotlib, with the colours of the command's: ``tegula.pl``.

Needs matplotlib (``pip install 'tegula[plot]'``), which is imported when a figure is drawn.
"""

from ._align import align
from ._displacement import displacement
from ._grid import spasne_screen, sweep
from ._links import links
from ._project import cast_project
from ._scatter import embedding, spatial

__all__ = ["align", "cast_project", "displacement", "embedding", "links", "spasne_screen", "spatial", "sweep"]
