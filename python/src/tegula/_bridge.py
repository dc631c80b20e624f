"""Carries the slots a step reads from an AnnData into the engine, and what it writes back.

Only what a step reads goes in, only what it writes comes back. A float32 CSR matrix is borrowed, not copied. SciPy and
pandas are imported when a step runs, so that importing Tegula takes no longer than importing NumPy.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _tegula
from ._progress import bars
from ._settings import settings

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

INT32_MAX = np.iinfo(np.int32).max


def run(method: str, adata: AnnData, params: dict[str, Any], *, seed: int, copy: bool) -> AnnData | None:
    """Run one step on ``adata``; returns a changed copy if ``copy``, else changes it in place.

    A step that fails changes nothing.
    """
    if copy:
        adata = adata.copy()
    elif adata.is_view:
        adata._init_as_actual(adata.copy())
    text = json.dumps(params, default=_plain)
    reads, _ = _tegula.plan(method, text)
    slots = {(attr, key): v for attr, key in [*reads, ("uns", "tegula")] if (v := fetch(adata, attr, key)) is not None}
    names = adata.obs_names.astype(str).tolist(), adata.var_names.astype(str).tolist()
    start, shown = time.perf_counter(), bars()
    try:
        done = _tegula.run(method, text, *names, slots, seed, settings.n_jobs, shown)
    finally:
        if shown:
            shown.close()
    written, kept_obs, kept_var, outcome, notes = done
    if settings.verbosity >= 1:
        for note in notes:
            warnings.warn(note, stacklevel=3)
    if settings.verbosity >= 2:
        print(f"{method}: {_told(outcome)} ({time.perf_counter() - start:.2f} s)", file=sys.stderr)
    if kept_obs is not None:
        adata._inplace_subset_obs(np.asarray(kept_obs))
    if kept_var is not None:
        adata._inplace_subset_var(np.asarray(kept_var))
    for (attr, key), value in written.items():
        store(adata, attr, key, value)
    return adata if copy else None


def make(params: dict[str, Any], *, seed: int) -> AnnData:
    """Simulate a tissue."""
    import pandas as pd
    from anndata import AnnData

    obs, var, slots = _tegula.simulate(json.dumps(params, default=_plain), seed, settings.n_jobs)
    adata = AnnData(obs=pd.DataFrame(index=obs), var=pd.DataFrame(index=var))
    for (attr, key), value in slots.items():
        store(adata, attr, key, value)
    return adata


def _told(outcome: dict[str, Any]) -> str:
    """What a step reached, in a line."""
    short = {k: v for k, v in outcome.items() if isinstance(v, bool | int | float | str)}
    return ", ".join(f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}" for k, v in short.items()) or "done"


def _plain(value: Any) -> Any:
    """NumPy scalars and arrays as JSON knows them."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray | range | set | tuple):
        return list(value)
    raise TypeError(f"a parameter of type {type(value).__name__} is not understood")


def fetch(adata: AnnData, attr: str, key: str | None) -> Any:
    """Return the slot in the engine's form, or ``None`` where it is absent."""
    if attr == "X":
        return None if adata.X is None else _matrix(adata.X)
    if attr == "raw":
        return None if adata.raw is None else (_matrix(adata.raw.X), adata.raw.var_names.astype(str).tolist())
    if attr in ("obs_names", "var_names"):
        return None
    home = getattr(adata, attr)
    if key not in home:
        return None
    value = home[key]
    if attr in ("obs", "var"):
        return _column(value)
    return _matrix(value) if attr == "layers" else value_of(value)


def _matrix(x: Any) -> tuple:
    """Expression: CSR or dense, float32."""
    from scipy import sparse

    if hasattr(x, "to_memory"):  # backed
        x = x.to_memory()
    if sparse.issparse(x):
        return _csr(x)
    if not isinstance(x, np.ndarray):
        raise TypeError(
            f"a matrix of type {type(x).__name__} is not supported yet; pass a NumPy array or a SciPy sparse matrix"
        )
    return _array(np.asarray(x, dtype=np.float32))


def _csr(x: Any) -> tuple:
    x = x.tocsr()
    if x.shape[1] > INT32_MAX:
        raise ValueError(f"{x.shape[1]} columns; at most {INT32_MAX} are supported")
    data = np.ascontiguousarray(x.data, dtype=np.float32)
    indices = np.ascontiguousarray(x.indices, dtype=np.int32)
    return ("csr", data, indices, np.ascontiguousarray(x.indptr), tuple(map(int, x.shape)))


def _array(x: np.ndarray) -> tuple | list[str]:
    """Any array: flat, in row order, in a type the engine knows."""
    if x.dtype.kind in "OUST":
        return [str(v) for v in x.ravel()]
    known = {"f": np.float64, "i": np.int64, "u": np.int64, "b": np.bool_}
    if x.dtype not in (np.float32, np.float64, np.int32, np.int64, np.uint8, np.bool_):
        if x.dtype.kind not in known:
            raise TypeError(f"an array of {x.dtype} is not supported; convert it to float32 or float64")
        x = x.astype(known[x.dtype.kind])
    return ("array", np.ascontiguousarray(x).reshape(-1), list(x.shape))


def _column(s: pd.Series) -> Any:
    """A column of ``obs`` or ``var``."""
    import pandas as pd

    if isinstance(s.dtype, pd.CategoricalDtype):
        codes = np.ascontiguousarray(s.cat.codes, dtype=np.int32)
        return ("labels", codes, [str(c) for c in s.cat.categories], bool(s.cat.ordered))
    if s.dtype.kind in "OUST" or isinstance(s.dtype, pd.StringDtype):
        return _column(s.astype("category")) if s.isna().any() else [str(v) for v in s]
    if pd.api.types.is_extension_array_dtype(s.dtype):
        s = s.astype("float64" if s.isna().any() else s.dtype.numpy_dtype)
    return _array(s.to_numpy())


def labels_of(labels: Any) -> tuple:
    """Return any labels, one per observation, as categories; what is missing stays without one."""
    import pandas as pd

    if isinstance(labels, pd.Series) and isinstance(labels.dtype, pd.CategoricalDtype):
        return _column(labels)
    return _column(pd.Series(pd.Categorical(np.asarray(labels))))


def value_of(v: Any) -> Any:
    """Whatever ``uns``, ``obsm`` and their siblings hold."""
    import pandas as pd
    from scipy import sparse

    if v is None or isinstance(v, bool | int | float | str):
        return v
    if isinstance(v, np.generic):
        return v.item()
    if isinstance(v, Mapping):
        return {str(k): value_of(item) for k, item in v.items()}
    if sparse.issparse(v):
        return _csr(v)
    if isinstance(v, pd.DataFrame):
        return ("frame", v.index.astype(str).tolist(), {str(c): _column(v[c]) for c in v.columns})
    v = np.asarray(v)
    if v.dtype.names and v.ndim == 1:
        fields = {name: _array(np.asarray(v[name])) for name in v.dtype.names}
        return ("records", {name: f if isinstance(f, list) else f[1] for name, f in fields.items()})
    return _array(v)


def store(adata: AnnData, attr: str, key: str | None, value: Any) -> None:
    """Put a value in the engine's form into its slot."""
    if attr == "X":
        adata.X = python_of(value)
    elif attr in ("obs", "var"):
        frame = getattr(adata, attr)
        frame[key] = python_of(value)
    else:
        getattr(adata, attr)[key] = python_of(value)


def python_of(v: Any) -> Any:
    """A value in the engine's form as NumPy, SciPy or pandas know it."""
    import pandas as pd
    from scipy import sparse

    match v:
        case ("array", flat, shape):
            return np.asarray(flat).reshape(shape) if shape else np.asarray(flat)[0]
        case ("csr", data, indices, indptr, shape):
            m = sparse.csr_matrix(shape, dtype=data.dtype)
            m.data, m.indices, m.indptr = data, indices, indptr
            return m
        case ("labels", codes, categories, ordered):
            return pd.Categorical.from_codes(codes, categories=categories, ordered=ordered)
        case ("frame", index, columns):
            return pd.DataFrame({k: python_of(c) for k, c in columns.items()}, index=index)
        case ("records", fields):
            return np.rec.fromarrays([python_of(f) for f in fields.values()], names=list(fields))
        case dict():
            return {k: python_of(item) for k, item in v.items()}
        case list():
            return np.array(v, dtype=object) if v else np.array([], dtype=object)
        case _:
            return v
