"""Colours for categories, those of the command's figures."""

from __future__ import annotations

PALETTES = {
    "vega_20_scanpy": (
        "#1f77b4 #ff7f0e #279e68 #d62728 #aa40fc #8c564b #e377c2 #b5bd61 #17becf #aec7e8 #ffbb78 #98df8a "
        "#ff9896 #c5b0d5 #c49c94 #f7b6d2 #dbdb8d #9edae5 #ad494a #8c6d31"
    ).split(),
    "zeileis_28": (
        "#023fa5 #7d87b9 #bec1d4 #d6bcc0 #bb7784 #8e063b #4a6fe3 #8595e1 #b5bbe3 #e6afb9 #e07b91 #d33f6a "
        "#11c638 #8dd593 #c6dec7 #ead3c6 #f0b98d #ef9708 #0fcfc0 #9cded6 #d5eae7 #f3e1eb #f6c4e1 #f79cd4 "
        "#7f7f7f #c7c7c7 #1ce6ff #336600"
    ).split(),
    "godsnot_102": (
        "#ffff00 #1ce6ff #ff34ff #ff4a46 #008941 #006fa6 #a30059 #ffdbe5 #7a4900 #0000a6 #63ffac #b79762 "
        "#004d43 #8fb0ff #997d87 #5a0007 #809693 #6a3a4c #1b4400 #4fc601 #3b5dff #4a3b53 #ff2f80 #61615a "
        "#ba0900 #6b7900 #00c2a0 #ffaa92 #ff90c9 #b903aa #d16100 #ddefff #000035 #7b4f4b #a1c299 #300018 "
        "#0aa6d8 #013349 #00846f #372101 #ffb500 #c2ffed #a079bf #cc0744 #c0b9b2 #c2ff99 #001e09 #00489c "
        "#6f0062 #0cbd66 #eec3ff #456d75 #b77b68 #7a87a1 #788d66 #885578 #fad09f #ff8a9a #d157a0 #bec459 "
        "#456648 #0086ed #886f4c #34362d #b4a8bd #00a6aa #452c2c #636375 #a3c8c9 #ff913f #938a81 #575329 "
        "#00fecf #b05b6f #8cd0ff #3b9700 #04f757 #c8a1a1 #1e6e00 #7900d7 #a77500 #6367a9 #a05837 #6b002c "
        "#772600 #d790ff #9b9700 #549e79 #fff69f #201625 #72418f #bc23ff #99adc0 #3a2465 #922329 #5b4534 "
        "#fde8dc #404e55 #0089a3 #cb7e98 #a4e804 #324e72"
    ).split(),
    "okabe_ito": ("#e69f00 #56b4e9 #009e73 #f0e442 #0072b2 #d55e00 #cc79a7 #000000").split(),
}
"""The palettes that matplotlib lacks; it has the others of the command."""

ALIASES = {"default_20": "vega_20_scanpy", "default_28": "zeileis_28", "default_102": "godsnot_102"}
"""Names scanpy also answers to."""

PLAIN = "#7f7f7f"
"""The colour of a tissue that is coloured by nothing."""

NA = "#d3d3d3"
"""The colour of missing values."""

EMPTY = "#e4e4e4"
"""The colour of a cell without a number."""

INK, LINE, MARKED = "#222222", "#5a5a5a", "#d62728"
"""The colours of text, of frames, and of what is recommended."""


def default_name(n: int) -> str:
    """The palette scanpy takes for ``n`` categories."""
    return "vega_20_scanpy" if n <= 20 else "zeileis_28" if n <= 28 else "godsnot_102"


def palette(colors: str | list[str] | tuple[str, ...]) -> list[str]:
    """The colours of a palette by name, ours or matplotlib's, or of a list, as ``#rrggbb``."""
    import matplotlib
    from matplotlib.colors import to_hex

    if not isinstance(colors, str):
        return [to_hex(c) for c in colors]
    name = ALIASES.get(colors, colors)
    if name in PALETTES:
        return list(PALETTES[name])
    if name not in matplotlib.colormaps:
        known = ", ".join(PALETTES)
        raise ValueError(
            f"palette: `{name}` is not known; take one of {known}, one of matplotlib's, or a list of colours"
        )
    table = matplotlib.colormaps[name]
    steps = getattr(table, "colors", None)
    return [to_hex(c) for c in (steps if steps is not None and len(steps) < 256 else table(range(0, 256, 8)))]
