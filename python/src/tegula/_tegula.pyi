from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

__version__: str

class Names:
    def __init__(self, names: list[str]) -> None: ...
    def tolist(self) -> list[str]: ...

def methods() -> str: ...
def plan(method: str, params: str) -> tuple[list[tuple[str, str | None]], list[tuple[str, str | None]]]: ...
def simulate(
    params: str, seed: int, n_threads: int | None = None
) -> tuple[list[str], list[str], dict[tuple[str, str | None], Any]]: ...
def run(
    method: str,
    params: str,
    obs_names: Names,
    var_names: Names,
    slots: dict[tuple[str, str | None], Any],
    seed: int,
    n_threads: int | None = None,
    progress: Callable[[list[tuple[str, int, int, str, bool]]], None] | None = None,
    max_memory: str | None = None,
) -> tuple[
    dict[tuple[str, str | None], Any],
    NDArray[np.int64] | None,
    NDArray[np.int64] | None,
    dict[str, Any],
    list[str],
    float,
]: ...
def measure(name: str, given: dict[str, Any], seed: int, n_threads: int | None = None) -> Any: ...
def read(
    path: str, options: dict[str, Any], n_threads: int | None = None
) -> tuple[list[str], list[str], dict[tuple[str, str | None], Any], tuple[Any, list[str]] | None, str, list[str]]: ...
def written_as(path: str, format: str | None, slot: str | None) -> str: ...
def write(
    path: str,
    obs_names: Names,
    var_names: Names,
    slots: dict[tuple[str, str | None], Any],
    format: str | None,
    slot: str | None,
    gzip: int | None,
    n_threads: int | None = None,
) -> None: ...
def score(
    n_obs: int,
    slots: dict[tuple[str, str | None], Any],
    labels: list[str],
    embeddings: list[str],
    truth: str | None,
    spatial_key: str,
    use_rep: str | None,
    n_threads: int | None = None,
) -> str: ...
