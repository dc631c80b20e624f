"""Expression that lies in a file: read block by block into the engine's form, never twice in memory.

Files often hold float64 and int64; every block is converted as it is read, so that what is held is the float32 matrix
and one block.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

BLOCK = 1 << 18
"""About so many numbers are read at once."""


def is_sparse(x: Any) -> bool:
    """Whether this is anndata's sparse matrix on disk."""
    return hasattr(x, "to_memory") and getattr(x, "format", None) in ("csr", "csc") and hasattr(x, "group")


def is_dense(x: Any) -> bool:
    """Whether this is an array of an HDF5 or zarr file."""
    return type(x).__module__.partition(".")[0] in ("h5py", "zarr") and hasattr(x, "shape")


def read(x: Any, dtype: type) -> np.ndarray:
    """Return the array as ``dtype``."""
    out = np.empty(x.shape, dtype)
    for block in _blocks(x.shape, x.chunks):
        out[block] = x[block]
    return out


def csr(x: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return values, columns and starts of the rows of a sparse matrix, be it stored by rows or by columns."""
    values, numbers = x.group["data"], x.group["indices"]
    starts = x.group["indptr"][...]
    if x.format == "csr":
        return read(values, np.float32), read(numbers, np.int32), starts
    n_rows = x.shape[0]
    sizes = np.zeros(n_rows, dtype=np.int64)
    blocks = list(_blocks(numbers.shape, numbers.chunks))
    for block in blocks:
        held = np.bincount(numbers[block], minlength=n_rows)
        if len(held) > n_rows:
            raise ValueError(f"{x.group.name} names a row beyond the last of {n_rows}; the file is damaged")
        sizes += held
    indptr = np.concatenate([[0], np.cumsum(sizes)])
    data, columns, free = np.empty(indptr[-1], np.float32), np.empty(indptr[-1], np.int32), indptr[:-1].copy()
    for (block,) in blocks:
        rows = numbers[block]
        order = np.argsort(rows, kind="stable")
        rows = rows[order]
        first = np.flatnonzero(np.diff(rows, prepend=-1))
        found, times = rows[first], np.diff(first, append=len(rows))
        # Within a block, those of one row follow each other in the order of their columns.
        at = np.arange(len(rows)) + np.repeat(free[found] - first, times)
        data[at] = values[block][order]
        columns[at] = (np.searchsorted(starts, np.arange(block.start, block.stop), side="right") - 1)[order]
        free[found] += times
    return data, columns, indptr


def column(x: Any, at: int) -> np.ndarray:
    """Return one column of a sparse matrix, with its zeros."""
    values, numbers = x.group["data"], x.group["indices"]
    starts, out = x.group["indptr"][...], np.zeros(x.shape[0])
    if x.format == "csc":
        part = slice(starts[at], starts[at + 1])
        np.add.at(out, numbers[part], values[part])
        return out
    for (block,) in _blocks(numbers.shape, numbers.chunks):
        found = np.flatnonzero(numbers[block] == at)
        if len(found):
            np.add.at(out, np.searchsorted(starts, block.start + found, side="right") - 1, values[block][found])
    return out


def _blocks(shape: tuple[int, ...], chunks: tuple[int, ...] | None) -> Iterator[tuple[slice, ...]]:
    """Parts of about :data:`BLOCK` numbers that end where the chunks of the file end, so that each is read once."""
    size = [min(c, max(n, 1)) for c, n in zip(chunks or [1] * len(shape), shape, strict=True)]
    for axis in reversed(range(len(size))):
        size[axis] = min(max(shape[axis], 1), size[axis] * max(BLOCK // math.prod(size), 1))
    ranges = [range(0, n, s) for n, s in zip(shape, size, strict=True)]
    for corner in itertools.product(*ranges):
        yield tuple(slice(at, min(at + s, n)) for at, s, n in zip(corner, size, shape, strict=True))
