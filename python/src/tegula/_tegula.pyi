from collections.abc import Callable
from typing import Any

__version__: str

def methods() -> str: ...
def plan(method: str, params: str) -> tuple[list[tuple[str, str | None]], list[tuple[str, str | None]]]: ...
def simulate(
    params: str, seed: int, n_threads: int | None = None
) -> tuple[list[str], list[str], dict[tuple[str, str | None], Any]]: ...
def run(
    method: str,
    params: str,
    obs_names: list[str],
    var_names: list[str],
    slots: dict[tuple[str, str | None], Any],
    seed: int,
    n_threads: int | None = None,
    progress: Callable[[list[tuple[str, int, int, str, bool]]], None] | None = None,
) -> tuple[dict[tuple[str, str | None], Any], list[int] | None, list[int] | None, dict[str, Any], list[str]]: ...
def measure(name: str, given: dict[str, Any], seed: int, n_threads: int | None = None) -> Any: ...
def read(
    path: str, options: dict[str, Any], n_threads: int | None = None
) -> tuple[list[str], list[str], dict[tuple[str, str | None], Any], tuple[Any, list[str]] | None, str, list[str]]: ...
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
