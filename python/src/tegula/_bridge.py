"""Carries the slots a step reads from an AnnData into the engine, and what it writes back.

Only what a step reads goes in, only what it writes comes back. A float32 CSR matrix is borrowed, not copied; one that
lies in a file is read block by block. SciPy and pandas are imported when a step runs, so that importing Tegula takes no
longer than importing NumPy.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
import weakref
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _ondisk, _tegula
from ._progress import bars
from ._settings import settings

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

INT32_MAX = np.iinfo(np.int32).max
MOST_NAMES = 8

_handed_over: list[tuple[weakref.ref[pd.Index], _tegula.Names]] = []

X, RAW, COMPONENTS, HISTORY = ("X", None), ("raw", None), ("obsm", "X_pca"), ("uns", "tegula")


def run(method: str, adata: AnnData, params: dict[str, Any], *, seed: int, copy: bool) -> AnnData | None:
    """Run one step on ``adata``; returns a changed copy if ``copy``, else changes it in place.

    A step that fails changes nothing.
    """
    text = json.dumps(params, default=_plain)
    reads, writes = _tegula.plan(method, text)
    if copy:
        adata = _own(adata)
    elif adata.is_view:
        adata._init_as_actual(_own(adata))
    elif adata.isbacked:
        _check_file(adata, method, writes)
    slots = {slot: v for slot in _needed(adata, reads) if (v := fetch(adata, *slot)) is not None}
    # Of the steps before only the names go in, and only what is new comes out.
    slots[HISTORY] = dict.fromkeys(map(str, _history(adata)))
    names = names_of(adata.obs_names), names_of(adata.var_names)
    start, shown = time.perf_counter(), bars()
    try:
        done = _tegula.run(method, text, *names, slots, seed, settings.n_jobs, shown, _limit())
    finally:
        if shown:
            shown.close()
    written, kept_obs, kept_var, outcome, notes, _ = done
    if settings.verbosity >= 1:
        for note in notes:
            warnings.warn(note, stacklevel=3)
    if settings.verbosity >= 2:
        print(f"{method}: {_told(outcome)} ({time.perf_counter() - start:.2f} s)", file=sys.stderr)
    if kept_obs is not None or kept_var is not None:
        _keep(adata, kept_obs, kept_var, None if X in writes else written.pop(X, None))
    news = {name: python_of(v) for name, v in written.pop(HISTORY).items() if v is not None}
    adata.uns["tegula"] = {**_history(adata), **news}
    for (attr, key), value in written.items():
        store(adata, attr, key, value)
    return adata if copy else None


def _keep(adata: AnnData, obs: np.ndarray | None, var: np.ndarray | None, x: tuple | None) -> None:
    """Keep some observations and variables; ``x`` is what the engine made of X, if it read that."""
    from scipy import sparse

    whole = adata.X
    # What went in as it is comes out as anndata would cut it, and sooner.
    cut = x is not None and type(whole) is sparse.csr_matrix and whole.dtype == np.float32
    try:
        if cut:
            adata.X = None
        if obs is not None:
            adata._inplace_subset_obs(obs)
        if var is not None:
            adata._inplace_subset_var(var)
    except BaseException:
        if cut:
            adata.X = whole
        raise
    if cut:
        adata.X = python_of(x)


def _history(adata: AnnData) -> Mapping[str, Any]:
    """The steps that were run so far."""
    history = adata.uns.get("tegula")
    return history if isinstance(history, Mapping) else {}


def _own(adata: AnnData) -> AnnData:
    """Return a copy; of a matrix in a file, one in memory."""
    return adata.to_memory(copy=True) if adata.isbacked else adata.copy()


def _needed(adata: AnnData, reads: list[tuple[str, str | None]]) -> list[tuple[str, str | None]]:
    """What is read of this matrix: not X where a step names components or ``raw`` before it and they are there."""
    before = reads[: reads.index(X)] if X in reads else ()
    if (RAW in before and adata.raw is not None) or (COMPONENTS in before and COMPONENTS[1] in adata.obsm):
        return [slot for slot in reads if slot != X]
    return reads


def _check_file(adata: AnnData, method: str, writes: list[tuple[str, str | None]]) -> None:
    """Refuse what cannot be done to a matrix whose X lies in a file, before any work."""
    attrs = {attr for attr, _ in writes}
    if attrs & {"obs_names", "var_names"}:
        raise ValueError(f"{method} keeps a part of the matrix, and X lies in a file; take adata.to_memory() first")
    if "X" in attrs and adata.file._filemode == "r":
        raise ValueError(
            f"{method} writes X, and the file with X is open for reading only; "
            'open it with backed="r+", or take adata.to_memory() first'
        )


def make(params: dict[str, Any], *, seed: int) -> AnnData:
    """Simulate a tissue."""
    return assembled(*_tegula.simulate(json.dumps(params, default=_plain), seed, settings.n_jobs))


def assembled(obs: list[str], var: list[str], slots: dict[tuple[str, str | None], Any]) -> AnnData:
    """Return an AnnData with these names and slots in the engine's form."""
    import pandas as pd
    from anndata import AnnData

    adata = AnnData(obs=pd.DataFrame(index=obs), var=pd.DataFrame(index=var))
    for (attr, key), value in slots.items():
        store(adata, attr, key, value)
    return adata


def _limit() -> str | None:
    """The most memory a step may take."""
    return None if settings.max_memory is None else str(settings.max_memory)


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


def everything(adata: AnnData) -> dict[tuple[str, str | None], Any]:
    """All slots in the engine's form."""
    homes = ("layers", "obs", "var", "obsm", "varm", "obsp", "varp", "uns")
    slots = [("X", None), ("raw", None), *((home, key) for home in homes for key in getattr(adata, home))]
    return {slot: value for slot in slots if (value := fetch(adata, *slot)) is not None}


def fetch(adata: AnnData, attr: str, key: str | None) -> Any:
    """Return the slot in the engine's form, or ``None`` where it is absent."""
    if attr == "X":
        # Asked for the X of a file that has none, anndata raises.
        none = "X" not in adata.file if adata.isbacked else adata.X is None
        return None if none else _matrix(adata.X)
    if attr == "raw":
        return None if adata.raw is None else (_matrix(adata.raw.X), names_of(adata.raw.var_names))
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

    if _ondisk.is_sparse(x):
        _check_width(x.shape)
        return ("csr", *_ondisk.csr(x), x.shape)
    if _ondisk.is_dense(x):
        return _array(_ondisk.read(x, np.float32))
    if sparse.issparse(x):
        return _csr(x)
    if not isinstance(x, np.ndarray):
        raise TypeError(
            f"a matrix of type {type(x).__name__} is not supported yet; pass a NumPy array or a SciPy sparse matrix"
        )
    return _array(np.asarray(x, dtype=np.float32))


def _csr(x: Any) -> tuple:
    x = x.tocsr()
    _check_width(x.shape)
    data = np.ascontiguousarray(x.data, dtype=np.float32)
    indices = np.ascontiguousarray(x.indices, dtype=np.int32)
    return ("csr", data, indices, np.ascontiguousarray(x.indptr), tuple(map(int, x.shape)))


def _check_width(shape: tuple[int, int]) -> None:
    if shape[1] > INT32_MAX:
        raise ValueError(f"{shape[1]} columns; at most {INT32_MAX} are supported")


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


def names_of(index: pd.Index) -> _tegula.Names:
    """Names as text, handed over once for as long as the index, which never changes, is in use."""
    for of, names in _handed_over:
        known = of()
        if known is not None and known.is_(index):
            return names
    # Nearly always they are text: pandas remembers that, and to convert them takes longer.
    names = _tegula.Names((index if index.inferred_type == "string" else index.astype(str)).tolist())
    _handed_over[:] = [(weakref.ref(index, _forget), names), *_handed_over[: MOST_NAMES - 1]]
    return names


def _forget(gone: weakref.ref) -> None:
    _handed_over[:] = [known for known in _handed_over if known[0] is not gone]


def labels_of(labels: Any) -> tuple:
    """Return any labels, one per observation, as categories; what is missing stays without one."""
    import pandas as pd

    if isinstance(labels, pd.Series) and isinstance(labels.dtype, pd.CategoricalDtype):
        return _column(labels)
    return _column(pd.Series(pd.Categorical(np.asarray(labels))))


def value_of(v: Any) -> Any:
    """Whatever ``uns``, ``obsm`` and their siblings hold."""
    if v is None or isinstance(v, bool | int | float | str):
        return v
    if isinstance(v, np.generic):
        return v.item()
    if isinstance(v, Mapping):
        return {str(k): value_of(item) for k, item in v.items()}
    import pandas as pd
    from scipy import sparse

    if sparse.issparse(v):
        return _csr(v)
    if isinstance(v, pd.DataFrame):
        return ("frame", names_of(v.index), {str(c): _column(v[c]) for c in v.columns})
    v = np.asarray(v)
    if v.dtype.names and v.ndim == 1:
        fields = {name: _array(np.asarray(v[name])) for name in v.dtype.names}
        return ("records", {name: f if isinstance(f, list) else f[1] for name, f in fields.items()})
    return _array(v)


def store(adata: AnnData, attr: str, key: str | None, value: Any) -> None:
    """Put a value in the engine's form into its slot."""
    if attr == "X":
        adata.X = _alike(None if adata.isbacked else adata.X, python_of(value))
    elif attr == "layers":
        adata.layers[key] = _alike(adata.layers.get(key), python_of(value))
    elif attr in ("obs", "var"):
        frame = getattr(adata, attr)
        if key in frame:
            frame[key] = python_of(value)
        else:
            # Half the price of setting it.
            frame.insert(frame.shape[1], key, python_of(value))
    else:
        getattr(adata, attr)[key] = python_of(value)


def _alike(before: Any, after: Any) -> Any:
    """What replaces one of SciPy's sparse arrays is one, too."""
    from scipy import sparse

    arrays = getattr(sparse, "sparray", ())
    return sparse.csr_array(after) if isinstance(before, arrays) and sparse.issparse(after) else after


def python_of(v: Any) -> Any:
    """A value in the engine's form as NumPy, SciPy or pandas know it."""
    if not isinstance(v, tuple | list | dict):
        return v
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
