"""Reading of what instruments and other programs write, and writing for other programs."""

from __future__ import annotations

import os
import warnings
from typing import TYPE_CHECKING

from . import _tegula
from ._bridge import assembled, everything, fetch, names_of, python_of
from ._settings import settings

if TYPE_CHECKING:
    from anndata import AnnData

__all__ = ["read", "write"]


def read(
    path: str | os.PathLike,
    *,
    format: str | None = None,
    genome: str | None = None,
    gex_only: bool = True,
    gene_ids: bool = False,
    raw: bool = False,
    images: bool = True,
    library_id: str | None = None,
    drop_unplaced: bool = False,
    bin_size: int | None = None,
    label_column: str | None = None,
    obs: str | os.PathLike | None = None,
    genes_in_rows: bool = False,
    table: str | None = None,
) -> AnnData:
    """Read what an instrument or another program wrote; the format is recognised by the content.

    10x HDF5 and mtx folders, Visium, Visium HD, Xenium, CosMx, MERSCOPE, Slide-seq, seqFISH, STARmap, Stereo-seq GEM
    and GEF, loom, zarr, SpatialData, h5ad and tables of text: give the folder that the instrument's software wrote
    (``outs``), or the file. As ``tegula convert``; ``docs/formats.md`` lists for each format what lands where.

    Parameters
    ----------
    path
        The file or folder.
    format
        Name of the format, where it should not be recognised: ``h5ad``, ``spatialdata``, ``zarr``, ``10x_h5``,
        ``10x_mtx``, ``visium``, ``visium_hd``, ``xenium``, ``cosmx``, ``merscope``, ``slideseq``, ``seqfish``,
        ``starmap``, ``gem``, ``gef``, ``loom``, ``st`` or ``table``.
    genome
        Genome to keep, where a 10x file holds several.
    gex_only
        Keep gene expression alone, without antibodies and other features (10x).
    gene_ids
        Name genes by their ids (``ENSG…``) rather than by their symbols.
    raw
        Read all barcodes, not only those under tissue (Visium).
    images
        Read the pictures of the tissue into ``uns["spatial"]`` (Visium).
    library_id
        Name of the section in ``uns["spatial"]``; by default the one the files state.
    drop_unplaced
        Leave out observations that have no position; by default they stay, with NaN as theirs.
    bin_size
        Side of a square bin: in spots of the chip (Stereo-seq), in µm (Visium HD).
    label_column
        Column of a GEM file with the cell of each row: observations are then cells, not bins.
    obs
        A table (text or Parquet) that describes the observations, found by their names in its first column. Its columns
        of positions (``x`` and ``y``, …) go to ``obsm["spatial"]`` too, where the files themselves have none.
    genes_in_rows
        The rows of a table of expression are genes, its columns observations; without it only where ``obs`` describes
        the columns.
    table
        The table to read, where a SpatialData store has several.

    Returns
    -------
    The annotated matrix: counts in ``X`` (sparse, ``float32``), positions in ``obsm["spatial"]``, and what else the
    files tell in ``obs``, ``var`` and ``uns``. What the reader noticed (names made unique, barcodes without a position)
    is warned of.

    See Also
    --------
    anndata.read_h5ad : reads of an h5ad file also what Tegula does not compute with, and can leave ``X`` in the file.

    Examples
    --------
    >>> import tegula as tg
    >>> adata = tg.io.read("outs")
    >>> adata.obsm["spatial"].shape
    (2, 2)

    """
    import pandas as pd
    from anndata import AnnData

    options = {
        "format": format,
        "genome": genome,
        "gex_only": gex_only,
        "gene_ids": gene_ids,
        "raw": raw,
        "images": images,
        "library_id": library_id,
        "drop_unplaced": drop_unplaced,
        "bin_size": bin_size,
        "label_column": label_column,
        "obs": None if obs is None else os.fspath(obs),
        "genes_in_rows": genes_in_rows,
        "table": table,
    }
    names, genes, slots, frozen, _, notes = _tegula.read(os.fspath(path), options, settings.n_jobs)
    adata = assembled(names, genes, slots)
    if frozen is not None:
        adata.raw = AnnData(python_of(frozen[0]), obs=adata.obs[[]], var=pd.DataFrame(index=frozen[1]))
    if settings.verbosity >= 1:
        for note in notes:
            warnings.warn(note, stacklevel=2)
    return adata


def write(
    adata: AnnData,
    path: str | os.PathLike,
    *,
    slot: str | None = None,
    format: str | None = None,
    gzip: int | None = 1,
) -> None:
    """Write in the format that the name's ending tells, whole or not at all.

    ``.h5ad`` and ``.zarr`` take everything; ``.csv``, ``.tsv`` (also ``.gz``) and ``.parquet`` take one slot as a
    table; with ``format="10x_mtx"`` ``X`` goes to a folder as Cell Ranger writes it. Numbers of ``X`` and ``layers``
    become ``float32``; of an h5ad file with other widths :meth:`anndata.AnnData.write_h5ad` keeps them.

    Parameters
    ----------
    adata
        The annotated matrix.
    path
        The file, or the folder, to write. An old one stays until the new one is complete.
    slot
        What goes into a table: ``"obs"`` (the default), ``"var"``, ``"X"``, ``"layers/KEY"``, ``"obsm/KEY"`` or
        ``"varm/KEY"``.
    format
        One of h5ad, zarr, 10x_mtx, csv, tsv and parquet, where the name should not tell it.
    gzip
        Level of compression of h5ad and zarr, 1 (fast) to 9 (small); ``None`` for none.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import tegula as tg
    >>> tissue = tg.simulate(n_obs=50, n_vars=10)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     tg.io.write(tissue, f"{folder}/places.csv", slot="obsm/spatial")
    ...     pathlib.Path(f"{folder}/places.csv").read_text().splitlines()[0]
    ',spatial-0,spatial-1'

    """
    path = os.fspath(path)
    slots = _for_file(adata, _tegula.written_as(path, format, slot), slot or "obs")
    names = names_of(adata.obs_names), names_of(adata.var_names)
    _tegula.write(path, *names, slots, format, slot, gzip, settings.n_jobs)


def _for_file(adata: AnnData, format: str, slot: str) -> dict:
    """What a file of this format holds."""
    if format in ("h5ad", "zarr"):
        return everything(adata)
    if format == "10x_mtx":
        wanted = [("X", None), *(("var", key) for key in adata.var)]
    elif slot in ("obs", "var"):
        wanted = [(slot, key) for key in getattr(adata, slot)]
    else:
        attr, _, key = slot.partition("/")
        wanted = [(attr, key or None)] if attr in ("X", "layers", "obsm", "varm") else []
    return {slot: value for slot in wanted if (value := fetch(adata, *slot)) is not None}
