"""Spateo's names: ``from tegula.compat import spateo as st`` in place of ``import spateo as st``.

Thin adapters with spateo's arguments, defaults and slots. Every docstring says where the result differs.
"""

from . import pl, pp, tl

__all__ = ["pl", "pp", "tl"]
