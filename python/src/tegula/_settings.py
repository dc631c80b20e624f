"""What holds for every call."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Settings:
    """What holds for every call.

    Attributes
    ----------
    n_jobs
        Number of threads; ``None`` for all cores. Results do not depend on it.
    verbosity
        0 keeps warnings back, 1 shows them, 2 also says after each step what it reached and how long it took.
    max_memory
        The most memory a step may take beside the data, as ``"8G"`` or in bytes; ``None`` for all there is. A step that
        needs more raises :class:`MemoryError` before it begins and says how to take less.
    progress
        Whether steps of more than half a second show a bar; ``None``: where tqdm is installed and somebody looks, in
        a notebook or a terminal.

    """

    n_jobs: int | None = None
    verbosity: int = 1
    max_memory: str | int | None = None
    progress: bool | None = None


settings = Settings()
