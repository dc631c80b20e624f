"""Figures in scanpy's manner, with the colours of the command's."""

from pathlib import Path

import anndata as ad
import matplotlib
import numpy as np
import pandas as pd
import pytest
import tegula as tg
from tegula.pl import _marks, _palette

matplotlib.use("Agg")
import matplotlib.pyplot as plt

ASSETS = Path(__file__).parents[2] / "crates/tegula-plot/assets"


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def tissue():
    """Six spots of a square lattice: two rows of three."""
    adata = ad.AnnData(np.array([[0, 1, 2, 3, 4, np.nan]], dtype="f4").T, var=pd.DataFrame(index=["Plp1"]))
    adata.obsm["spatial"] = np.array([[0, 0], [1, 0], [2, 0], [0, 1], [1, 1], [2, 1]]) * 10.0
    adata.obs["k"] = pd.Categorical(["a", "b", "a", "c", "c", None])
    adata.obs["v"] = [5.0, 1.0, 3.0, 2.0, np.nan, 4.0]
    adata.obs["flag"] = [True, False] * 3
    return adata


def seen(ax, adata):
    """The colour at each observation's place, as drawn."""
    figure = ax.figure
    figure.set_dpi(60)
    figure.canvas.draw()
    image = np.asarray(figure.canvas.buffer_rgba())
    x, y = ax.transData.transform(adata.obsm["spatial"]).round().astype(int).T
    return ["#{:02x}{:02x}{:02x}".format(*image[len(image) - 1 - j, i, :3]) for i, j in zip(x, y, strict=True)]


def test_palettes_are_those_of_the_command():
    lines = [line.split() for line in (ASSETS / "palettes.txt").read_text().splitlines()]
    assert {"vega_20_scanpy", "zeileis_28", "godsnot_102", "okabe_ito"} <= {name for name, *_ in lines}
    for name, *colors in lines:
        assert _palette.palette(name) == colors, name
    for line in (ASSETS / "cmaps.txt").read_text().splitlines():
        name, table = line.split()
        theirs = np.frombuffer(bytes.fromhex(table), dtype=np.uint8).reshape(256, 3) / 255
        # One of them rounds, the other cuts off.
        np.testing.assert_allclose(matplotlib.colormaps[name](np.arange(256))[:, :3], theirs, atol=1.01 / 255)


@pytest.mark.parametrize(("n", "first"), [(20, "#1f77b4"), (21, "#023fa5"), (29, "#ffff00")])
def test_the_palette_grows_with_the_categories(n, first):
    adata = ad.AnnData(obs=pd.DataFrame({"k": pd.Categorical([f"{i:03}" for i in range(n)])}))
    adata.obsm["spatial"] = np.column_stack([np.arange(n), np.arange(n) % 5])
    tg.pl.spatial(adata, "k", show=False)
    assert adata.uns["k_colors"][0] == first and len(adata.uns["k_colors"]) == n


def test_every_observation_has_its_colour_at_its_place():
    adata = tissue()
    ax = tg.pl.spatial(adata, "k", show=False)
    blue, orange, green = adata.uns["k_colors"]
    assert seen(ax, adata) == [blue, orange, blue, green, green, "#d3d3d3"]
    assert not ax.yaxis_inverted()
    names = [t.get_text() for t in ax.get_legend().get_texts()]
    assert names == ["a", "b", "c", "NA"]
    adata.uns["spatial"] = {"library": {"images": {"hires": np.zeros((2, 2, 3))}}}
    ax = tg.pl.spatial(adata, "k", show=False)
    assert ax.yaxis_inverted() and seen(ax, adata)[3] == green
    assert seen(tg.pl.spatial(adata, show=False), adata) == [_palette.PLAIN] * 6


def test_kept_colours_are_taken_and_new_ones_kept():
    adata = tissue()
    adata.uns["k_colors"] = np.array(["red", "#00ff00", "#0000ff"])
    tg.pl.spatial(adata, "k", show=False)
    assert adata.uns["k_colors"] == ["#ff0000", "#00ff00", "#0000ff"]
    tg.pl.spatial(adata, "k", palette="tab20", show=False)
    assert adata.uns["k_colors"] == ["#1f77b4", "#aec7e8", "#ff7f0e"]
    tg.pl.spatial(adata, "k", palette={"a": "k", "b": "w", "c": "r"}, show=False)
    assert adata.uns["k_colors"] == ["#000000", "#ffffff", "#ff0000"]
    adata.uns["k_colors"] = ["#000000"]
    tg.pl.spatial(adata, ["k", "flag"], palette=None, show=False)
    assert adata.uns["k_colors"][0] == "#1f77b4", "too few"
    with pytest.raises(ValueError, match="vega_20_scanpy"):
        tg.pl.spatial(adata, "k", palette="tab21", show=False)


def test_numbers_run_through_the_map_and_high_ones_lie_on_top():
    adata = tissue()
    ax = tg.pl.spatial(adata, "v", cmap="magma", show=False)
    table = matplotlib.colormaps["magma"]
    to_hex = matplotlib.colors.to_hex
    wanted = [to_hex(table(t)) for t in (1.0, 0.0, 0.5, 0.25, 0, 0.75)]
    wanted[4] = "#d3d3d3"
    assert seen(ax, adata) == wanted
    drawn = ax.collections[0].get_offsets()
    np.testing.assert_array_equal(drawn, adata.obsm["spatial"][[4, 1, 3, 2, 5, 0]])
    ax = tg.pl.spatial(adata, "Plp1", vmin="p25", vmax=3, show=False)
    colors = seen(ax, adata)
    assert colors[0] == colors[1] == to_hex(matplotlib.colormaps["viridis"](0)), "p25 is 1"
    assert colors[3] == colors[4] == to_hex(matplotlib.colormaps["viridis"](255))
    ax = tg.pl.spatial(adata, "v", vcenter=2, show=False)
    assert ax.figure.axes[1].get_ylim() == (-1, 5)


def test_groups_stand_out_of_grey():
    adata = tissue()
    ax = tg.pl.spatial(adata, "k", groups=["b", "c"], legend_loc="upper left", show=False)
    assert seen(ax, adata)[0] == "#d3d3d3" and seen(ax, adata)[1] == adata.uns["k_colors"][1]
    np.testing.assert_array_equal(ax.collections[0].get_offsets()[:3], adata.obsm["spatial"][[0, 2, 5]])
    with pytest.raises(ValueError, match="x are no categories"):
        tg.pl.spatial(adata, "k", groups="x", show=False)


def test_names_stand_on_the_data_or_nowhere():
    adata = tissue()
    ax = tg.pl.spatial(adata, "k", legend_loc="on data", show=False)
    assert [t.get_text() for t in ax.texts] == ["a", "b", "c"] and ax.get_legend() is None
    assert tg.pl.spatial(adata, "k", legend_loc="none", show=False).get_legend() is None


def test_legends_list_numbers_by_value():
    adata = ad.AnnData(obs=pd.DataFrame({"k": pd.Categorical([str(i) for i in range(12)])}))
    adata.obsm["spatial"] = np.column_stack([np.arange(12), np.arange(12) % 3])
    names = [t.get_text() for t in tg.pl.spatial(adata, "k", show=False).get_legend().get_texts()]
    assert names == [str(i) for i in range(12)]


def test_what_comes_back_is_as_in_scanpy(tmp_path, monkeypatch):
    adata = tissue()
    shown = []
    monkeypatch.setattr(plt, "show", lambda: shown.append(1))
    assert tg.pl.spatial(adata, "k") is None and shown == [1]
    axes = tg.pl.spatial(adata, ["k", "v", "Plp1"], ncols=2, title=["1", "2", "3"], show=False)
    assert [a.get_title() for a in axes] == ["1", "2", "3"]
    assert tg.pl.spatial(adata, "k", return_fig=True).axes
    own = plt.figure().add_subplot()
    assert tg.pl.spatial(adata, "k", ax=own) is own
    before = plt.get_fignums()
    for ending in ("png", "pdf", "svg"):
        assert tg.pl.spatial(adata, ["k", "v"], save=tmp_path / f"x.{ending}") is None
        assert (tmp_path / f"x.{ending}").stat().st_size > 3000
    assert plt.get_fignums() == before and shown == [1]
    with pytest.raises(ValueError, match="2 panels"):
        tg.pl.spatial(adata, ["k", "v"], ax=own)


def test_panels_are_equal_whatever_stands_beside_them():
    adata = tissue()
    adata.obs["k"] = adata.obs["k"].cat.rename_categories({"a": "a very long name of a category"})
    figure = tg.pl.spatial(adata, ["k", "v", "flag"], return_fig=True)
    size = figure.get_size_inches()
    bodies = [np.array(a.get_position().size) * size for a in figure.axes if a.get_title()]
    np.testing.assert_allclose(bodies, [bodies[0]] * 3)
    assert bodies[0].max() == pytest.approx(4)
    figure.canvas.draw()
    boxes = [a.get_tightbbox() for a in figure.axes if a.get_title()]
    assert boxes[0].x1 < boxes[1].x0, "the legend has room"


def test_what_is_missing_is_said():
    adata = tissue()
    with pytest.raises(KeyError, match="perhaps `Plp1`"):
        tg.pl.spatial(adata, "Plp2", show=False)
    with pytest.raises(KeyError, match=r"obsm.*present: spatial"):
        tg.pl.embedding(adata, "umap", show=False)
    with pytest.raises(KeyError, match=r"run tl\.sweep"):
        tg.pl.sweep(adata)
    with pytest.raises(ValueError, match="no number at all"):
        adata.obs["none"] = np.nan
        tg.pl.spatial(adata, "none", show=False)


def test_genes_of_raw_and_of_layers():
    adata = tissue()
    adata.raw = adata
    adata.layers["twice"] = 2 * adata.X
    part = adata[:, []].copy()
    assert tg.pl.spatial(part, "Plp1", show=False).figure.axes[1].get_ylim() == (0, 4)
    assert tg.pl.spatial(adata, "Plp1", layer="twice", show=False).figure.axes[1].get_ylim() == (0, 8)


def test_an_embedding_beside_the_tissue():
    adata = tissue()
    adata.obsm["X_tsne"] = adata.obsm["spatial"][::-1].copy()
    ours = tg.pl.embedding(adata, color="k", tissue=True, show=False)
    assert [a.get_title() for a in ours] == ["k", "tissue"]
    assert ours[0].get_xlabel() == "tsne1" and ours[0].get_legend() is None and ours[1].get_legend()


def test_a_mark_is_as_wide_as_the_lattice_is_apart():
    hexagons = np.array([[c * 100 + r % 2 * 50, r * 86.602540378] for r in range(20) for c in range(20)])
    assert _marks.spacing(hexagons) == pytest.approx(100)
    assert _marks.spacing(np.repeat(hexagons, 3, axis=0)) == pytest.approx(100), "duplicates count once"
    assert _marks.spacing(np.array([[0.0, 0.0], [3.0, 4.0]])) == 5
    assert _marks.spacing(np.zeros((4, 2))) == 1
    adata = ad.AnnData(obsm={"spatial": hexagons}, shape=(400, 0))
    assert tg.pl.spatial(adata, size=0.5, show=False).collections[0].diameter == pytest.approx(50)


def test_many_points_are_stamped_and_look_the_same(monkeypatch):
    rng = np.random.default_rng(0)
    adata = ad.AnnData(obs=pd.DataFrame({"k": pd.Categorical(rng.choice(list("abc"), 900))}))
    adata.obsm["spatial"] = np.column_stack([np.arange(900) % 30, np.arange(900) // 30]) * 1.0
    adata.obs["v"] = rng.random(900)
    for key in ("k", "v"):
        one_by_one = seen(tg.pl.spatial(adata, key, show=False), adata)
        monkeypatch.setattr(_marks, "MANY", 100)
        ax = tg.pl.spatial(adata, key, show=False)
        assert ax.collections[0].get_rasterized()
        assert np.mean(np.array(seen(ax, adata)) == one_by_one) > 0.98
        monkeypatch.undo()


def test_heat_maps_of_a_sweep_and_of_a_screening():
    adata = tissue()
    table = pd.DataFrame({"s_neigh": [6, 6, 8, 8], "e_neigh": 30, "resolution": [0.5, 1.0, 0.5, 1.0]})
    table["chaos"] = [0.1, 0.2, 0.3, np.nan]
    adata.uns["sweep"] = {"table": table, "recommended": {"row": 2}}
    ax = tg.pl.sweep(adata, ["chaos"], show=False)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("resolution", "s_neigh")
    assert [t.get_text() for t in ax.texts] == ["0.1", "0.2", "0.3"]
    assert ax.patches[0].get_xy() == (-0.5, 0.5)
    with pytest.raises(ValueError, match="the table has s_neigh"):
        tg.pl.sweep(adata, ["pas"], show=False)
    screen = pd.DataFrame({"stage": [0, 1, 1], "alpha": [0, 5, 9], "beta": [0, 4, 4], "score": [0.1, 0.2, 0.3]})
    adata.uns["spasne_screen"] = {"table": screen, "alpha": 9.0, "beta": 4.0}
    ax = tg.pl.spasne_screen(adata, "score", show=False)
    assert [t.get_text() for t in ax.texts] == ["0.2", "0.3"] and ax.patches[0].get_xy() == (-0.5, 0.5)
