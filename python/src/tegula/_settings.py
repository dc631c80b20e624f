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

    """

    n_jobs: int | None = None


settings = Settings()
