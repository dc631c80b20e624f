"""Figures of aligned sections, beside those of the command."""

import re
import shutil
import subprocess
from pathlib import Path

import anndata as ad
import matplotlib
import numpy as np
import pandas as pd
import pytest
import tegula as tg
from scipy import sparse
from scipy.spatial import cKDTree
from tegula.pl import _marks
from tegula.pl._sections import DARK

matplotlib.use("Agg")
import matplotlib.pyplot as plt

ROOT = Path(__file__).parents[2]
COMMAND = shutil.which("tegula") or ROOT / "target/debug/tegula"


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def sections(side=14):
    """A lattice, and below it the same turned, moved and bent by a wave; a projection of the first onto the second."""
    n = side * side
    rng = np.random.default_rng(0)
    place = np.column_stack([np.arange(n) % side, np.arange(n) // side]).astype(float)
    there = np.column_stack([place[:, 1] + 0.8 * np.sin(place[:, 0] / 3) + 7, -place[:, 0] + 0.8 * np.cos(place[:, 1])])
    adata = ad.AnnData(obs=pd.DataFrame(index=[f"cell{i}" for i in range(2 * n)]))
    adata.obs["section"] = pd.Categorical(["still"] * n + ["bent"] * n)
    adata.obs["kind"] = pd.Categorical([*rng.choice(["x", "y"], n), *[None] * n])
    adata.obs["kind_projected"] = pd.Categorical([*[None] * n, *rng.choice(["x", "y"], n)])
    adata.obsm["spatial"], adata.obsm["spatial_aligned"] = np.vstack([place, place]), np.vstack([place, there])
    sources = np.column_stack([rng.permutation(n), rng.permutation(n)]).ravel()
    rows, weights = np.repeat(np.arange(n, 2 * n), 2), np.tile([0.3, 0.7], n)
    adata.obsp["cast_project"] = sparse.csr_matrix((weights, (rows, sources)), shape=(2 * n, 2 * n))
    told = {"source": "still", "target": "bent", "library_key": "section", "spatial_key": "spatial_aligned"}
    table = {
        "categories": np.array(["x", "y"], dtype=object),
        "confusion": np.array([[6, 2], [0, 1]]),
        "accuracy": 7 / 9,
    }
    bars = {"edges": np.array([0.0, 1.0, 2.0]), "counts": np.array([5, 3])}
    told |= {"labels": {"kind": table, "new": {}}, "distance_histogram": bars, "cosine_histogram": bars}
    adata.uns["cast_project"] = told
    return adata


def lines(ax):
    return np.array(ax.collections[1].get_segments())


def of_the_command(adata, figure, tmp_path, **options):
    """Lines of the command's figure, in points, and their colours."""
    adata.write_h5ad(tmp_path / "in.h5ad")
    flags = [f"--{k.replace('_', '-')}={v}" for k, v in options.items()]
    call = [COMMAND, "pl", figure, tmp_path / "in.h5ad", "-o", tmp_path / "out.svg", "--quiet", *flags]
    subprocess.run(call, check=True)
    found = re.findall(
        r'<line x1="(.*?)" y1="(.*?)" x2="(.*?)" y2="(.*?)" stroke="(.*?)"', (tmp_path / "out.svg").read_text()
    )
    return np.array([line[:4] for line in found], dtype=float), [line[4] for line in found]


def same(ours, theirs):
    """Whether two sets of lines are the same but for the scale and the place of the page, where y grows downwards."""
    ours = ours.reshape(-1, 2) * [1, -1]
    theirs = theirs.reshape(-1, 2)
    low = ours.min(axis=0)
    scale = np.ptp(theirs, axis=0).max() / np.ptp(ours, axis=0).max()
    a, b = ((ours - low) * scale).reshape(-1, 4), (theirs - theirs.min(axis=0)).reshape(-1, 4)
    assert len(a) == len(b)
    # The command writes hundredths of a point.
    for one, other in ((a, b), (b, a)):
        assert cKDTree(one).query(other)[0].max() < 0.04
    return True


def test_the_mesh_and_the_arrows_are_the_commands(tmp_path):
    adata = sections()
    for scale in (1, 3):
        mesh, arrows = map(lines, tg.pl.displacement(adata, library_key="section", scale=scale, show=False))
        theirs, colors = of_the_command(adata, "displacement", tmp_path, library_key="section", scale=scale)
        theirs = theirs[np.array(colors) == DARK]
        assert same(mesh, theirs[: len(mesh)]) and same(arrows, theirs[len(mesh) :])


def test_the_links_are_the_commands(tmp_path):
    adata = sections()
    ours = tg.pl.links(adata, "kind", n_links=90, show=False)
    theirs, colors = of_the_command(adata, "links", tmp_path, color="kind", n_links=90)
    assert same(lines(ours), theirs) and ours.get_title() == "still (below) onto bent (above)"
    drawn = [matplotlib.colors.to_hex(c) for c in ours.collections[1].get_colors()]
    assert sorted(drawn) == sorted(colors) and set(drawn) == set(adata.uns["kind_colors"])
    assert ours.collections[0].diameter == pytest.approx(
        0.8 * 0.4 * _marks.spacing(adata.obsm["spatial_aligned"][196:])
    )


def test_the_affine_part_that_was_told_is_taken_off():
    adata = sections()
    (_, ax) = tg.pl.displacement(adata, library_key="section", show=False)
    fitted = ax.figure.axes[-1].get_ylim()[1]
    affine = np.array([[0.0, 1.0, 7.0], [-1.0, 0.0, 0.0]])
    adata.uns["cast_stack"] = {"library_key": "section", "sections": {"bent": {"affine": affine}}}
    (_, ax) = tg.pl.displacement(adata, show=False)
    told = ax.figure.axes[-1].get_ylim()[1]
    place = adata.obsm["spatial"][196:]
    far = np.hypot(0.8 * np.sin(place[:, 0] / 3), 0.8 * np.cos(place[:, 1]))
    assert told == pytest.approx(far.max()) and told != pytest.approx(fitted, rel=1e-3)


def test_a_mesh_ends_where_no_observations_are():
    adata = sections(20)
    x, y = adata.obsm["spatial"].T
    adata = adata[((x < 10) | (y < 5)) & (adata.obs["section"] == "bent").to_numpy()].copy()
    adata.obsm["spatial_aligned"] = adata.obsm["spatial"] + [0, 0.5] * (adata.obsm["spatial"][:, :1] > 4)
    mesh, _ = tg.pl.displacement(adata, library_key="section", show=False)
    assert cKDTree(adata.obsm["spatial_aligned"]).query(lines(mesh).reshape(-1, 2))[0].max() < 3


def test_sections_lie_over_each_other_in_mixed_order():
    adata = sections()
    before, after = tg.pl.align(adata, library_key="section", show=False)
    assert [before.get_title(), after.get_title()] == ["before", "after"]
    assert before.get_legend() is None
    assert [t.get_text() for t in after.get_legend().get_texts()] == ["bent", "still"]
    for ax, key in ((before, "spatial"), (after, "spatial_aligned")):
        drawn = ax.collections[0].get_offsets()
        assert sorted(map(tuple, drawn)) == sorted(map(tuple, adata.obsm[key])), key
    faces = after.collections[0].get_facecolor()
    runs = 1 + np.any(faces[1:] != faces[:-1], axis=1).sum()
    assert runs > 150, "neither section lies on top of the other"
    assert len(adata.uns["section_colors"]) == 2


def test_fits_are_a_third_panel_and_sections_may_be_numbers():
    adata = sections()
    adata.obs["bregma"] = np.r_[[0.26] * 196, [-0.29] * 195, np.nan]
    adata.obs["cast_stack_correlation"] = np.r_[[np.nan] * 196, np.linspace(0, 1, 196)]
    axes = tg.pl.align(adata, library_key="bregma", show=False)
    assert [ax.get_title() for ax in axes] == ["before", "after", "correlation"]
    assert [t.get_text() for t in axes[1].get_legend().get_texts()] == ["-0.29", "0.26", "NA"]
    np.testing.assert_array_equal(axes[0].collections[0].get_offsets()[0], adata.obsm["spatial"][-1], "below all")
    axes = tg.pl.align(adata, "kind", library_key="bregma", sections=["0.26"], show=False)
    assert len(axes) == 2, "the section that stays has no fit"
    assert len(axes[0].collections[0].get_offsets()) == 196
    assert adata.uns["kind_colors"] == ["#1f77b4", "#ff7f0e"]


def test_cells_are_shares_of_their_row_column_or_none():
    adata = sections()

    def texts(normalize):
        ax = tg.pl.cast_project(adata, normalize=normalize, histograms=False, show=False)
        assert ax.get_title() == "kind: 78 % agree"
        at = {t.get_position(): t.get_text() for t in ax.texts}
        return [at.get((c, r), "") for r in (0, 1) for c in (0, 1)]

    assert texts("own") == ["0.75", "0.25", "", "1.00"]
    assert texts("projected") == ["1.00", "0.67", "", "0.33"]
    assert texts("none") == ["6", "2", "", "1"]
    axes = tg.pl.cast_project(adata, show=False)
    assert [ax.get_xlabel() for ax in axes] == ["projected", "distance in the tissue", "cosine distance"]
    assert [bar.get_height() for bar in axes[1].patches] == [5, 3]


def test_long_names_of_columns_run_upwards_and_wide_numbers_are_left_out():
    adata = sections()
    names = [f"a kind of cell {i}" for i in range(40)]
    table = {"categories": names, "confusion": np.full((40, 40), 123456), "accuracy": 0.025}
    adata.uns["cast_project"]["labels"] = {"kind": table}
    ax = tg.pl.cast_project(adata, normalize="none", histograms=False, show=False)
    assert {t.get_rotation() for t in ax.get_xticklabels()} == {90.0} and not ax.texts


def test_the_axes_given_are_drawn_into(tmp_path):
    adata = sections()
    _, axes = plt.subplots(1, 3)
    assert tg.pl.cast_project(adata, ax=axes) == list(axes)
    assert tg.pl.links(adata, ax=axes[0]) is axes[0]
    with pytest.raises(ValueError, match="2 panels need as many axes; 3"):
        tg.pl.align(adata, library_key="section", ax=axes)
    for ending in ("png", "svg", "pdf"):
        assert tg.pl.displacement(adata, library_key="section", save=tmp_path / f"x.{ending}") is None
        assert (tmp_path / f"x.{ending}").stat().st_size > 3000


def test_many_observations_and_lines_become_an_image(monkeypatch):
    monkeypatch.setattr(_marks, "MANY", 100)
    mesh, _ = tg.pl.displacement(sections(), library_key="section", show=False)
    assert all(c.get_rasterized() for c in mesh.collections)


def test_what_cannot_be_drawn_says_why():
    adata = sections()
    with pytest.raises(KeyError, match=r"run tl\.cast_stack first, or pass library_key"):
        tg.pl.align(adata)
    with pytest.raises(KeyError, match=r'obs\["absent"\] is missing'):
        tg.pl.align(adata, library_key="absent")
    with pytest.raises(ValueError, match="a section of `section`: bent, still"):
        tg.pl.align(adata, library_key="section", sections="7")
    with pytest.raises(ValueError, match="between 2 and 200"):
        tg.pl.displacement(adata, library_key="section", mesh=1)
    with pytest.raises(ValueError, match="above 0"):
        tg.pl.displacement(adata, library_key="section", scale=0)
    with pytest.raises(ValueError, match="no section was bent"):
        tg.pl.displacement(adata, "still", library_key="section")
    with pytest.raises(ValueError, match="above 0"):
        tg.pl.links(adata, lift=0)
    with pytest.raises(ValueError, match="no observation of `bent`"):
        tg.pl.links(adata[:196].copy())
    with pytest.raises(ValueError, match="a label that the target has itself: kind"):
        tg.pl.cast_project(adata, "new")
    adata.obsm["spatial_aligned"][3] = np.nan
    with pytest.raises(ValueError, match="observation 3 has the position"):
        tg.pl.align(adata, library_key="section")
    del adata.obsm["spatial_aligned"], adata.uns["cast_project"]
    with pytest.raises(KeyError, match="or pass aligned_key"):
        tg.pl.align(adata, library_key="section")
    for figure in (tg.pl.links, tg.pl.cast_project):
        with pytest.raises(KeyError, match=r"run tl\.cast_project first"):
            figure(adata)
