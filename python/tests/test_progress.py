"""How far a step is, and what it reached."""

import time
import typing

import anndata as ad
import numpy as np
import pytest
import tegula as tg


def tissue(n=400):
    adata = ad.AnnData(np.zeros((n, 1), dtype=np.float32))
    adata.obsm["X_pca"] = np.random.default_rng(0).normal(size=(n, 50)).astype(np.float32)
    return adata


def test_progress_is_told_and_verbosity_says_what_was_reached(capsys):
    told = []
    adata = tissue()
    text = '{"n_neighbors": 10}'
    slots = {("obsm", "X_pca"): tg._bridge.fetch(adata, "obsm", "X_pca")}
    names = tg._bridge.names_of(adata.obs_names), tg._bridge.names_of(adata.var_names)
    tg._tegula.run("pp.neighbors", text, *names, slots, 0, None, told.extend)
    assert told and all(0 <= done <= max(total, done) for _, done, total, _, _ in told)
    assert {name for name, *_ in told} == {"neighbors"} and told[-1][4], told
    before = tg.settings.verbosity
    try:
        tg.settings.verbosity = 2
        tg.tl.kmeans(adata, n_clusters=2)
    finally:
        tg.settings.verbosity = before
    assert "tl.kmeans: " in capsys.readouterr().err


def test_what_the_progress_raises_stops_the_work():
    def refuse(_):
        raise RuntimeError("enough")

    adata = tissue(60_000)
    slots = {("obsm", "X_pca"): tg._bridge.fetch(adata, "obsm", "X_pca")}
    names = tg._bridge.names_of(adata.obs_names), tg._bridge.names_of(adata.var_names)
    start = time.monotonic()
    with pytest.raises(RuntimeError, match="enough"):
        tg._tegula.run("pp.neighbors", "{}", *names, slots, 0, None, refuse)
    assert time.monotonic() - start < 5


def test_bars_follow_the_tasks():
    from tegula._progress import Bars

    class Bar:
        made: typing.ClassVar = []

        def __init__(self, desc, total, **_):
            self.desc, self.total, self.n, self.closed = desc, total, 0, False
            Bar.made.append(self)

        def update(self, n):
            self.n += n

        def set_postfix_str(self, *_, **__): ...

        def close(self):
            self.closed = True

    show = Bars(Bar)
    show([("a", 3, 10, "", False)])
    show([("a", 10, 10, "loss 1", True), ("b", 0, 0, "", True)])
    assert [(b.desc, b.total, b.n, b.closed) for b in Bar.made] == [("a", 10, 10, True)]
