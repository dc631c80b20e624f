"""Reading of what instruments and other programs write."""

from __future__ import annotations

import os
import warnings
from typing import TYPE_CHECKING

from . import _tegula
from ._bridge import python_of, store
from ._settings import settings

if TYPE_CHECKING:
    from anndata import AnnData

__all__ = ["read"]


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
    table: str | None = None,
) -> AnnData:
    """Read a file or folder of any format that ``tegula convert`` takes, recognised by its content.

    10x HDF5 and mtx folders, Visium, Visium HD, Xenium, CosMx, MERSCOPE, Slide-seq, seqFISH, STARmap, Stereo-seq GEM
    and GEF, loom, zarr, SpatialData and tables of text; ``docs/formats.md`` lists what lands where. Counts become
    ``float32``. Of an h5ad file :func:`anndata.read_h5ad` reads what Tegula does not compute with, too.

    Parameters
    ----------
    path
        The file or folder.
    format
        Name of the format, where it should not be recognised.
    genome
        Genome to keep, where a 10x file holds several.
    gex_only
        Keep gene expression alone, no other features.
    gene_ids
        Name variables by their ids rather than by their symbols.
    raw
        Read all barcodes, not only those under tissue.
    images
        Read the pictures of the tissue into ``uns["spatial"]``.
    library_id
        Name of the section in ``uns["spatial"]``; by default the one the files state.
    drop_unplaced
        Leave out observations that have no position; by default they stay, at NaN.
    bin_size
        Side of a bin: spots of the chip (Stereo-seq), µm (Visium HD).
    label_column
        Column of a GEM file with the cell of each row: observations are then cells.
    obs
        A table that describes the observations of a table, found by its first column.
    table
        The table to read, where a SpatialData store has several.

    Returns
    -------
    The annotated matrix. What the reader noticed (names made unique, barcodes without a position) is warned of.

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
        "table": table,
    }
    names, genes, slots, frozen, _, notes = _tegula.read(os.fspath(path), options, settings.n_jobs)
    adata = AnnData(obs=pd.DataFrame(index=names), var=pd.DataFrame(index=genes))
    for (attr, key), value in slots.items():
        store(adata, attr, key, value)
    if frozen is not None:
        adata.raw = AnnData(python_of(frozen[0]), obs=adata.obs[[]], var=pd.DataFrame(index=frozen[1]))
    if settings.verbosity >= 1:
        for note in notes:
            warnings.warn(note, stacklevel=2)
    return adata
