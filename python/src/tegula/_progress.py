"""Bars of the tasks of a running step."""

from __future__ import annotations

import sys
from typing import Any

from ._settings import settings

DELAY = 0.5
"""Seconds before a bar is worth showing."""


def bars() -> Bars | None:
    """Return bars where the user wants them or can see them, and tqdm is installed."""
    if settings.progress is False:
        return None
    notebook = "ipykernel" in sys.modules
    if settings.progress is None and not (notebook or sys.stderr.isatty()):
        return None
    try:
        from tqdm.auto import tqdm
    except ImportError:
        if settings.progress:
            raise ImportError("settings.progress needs tqdm: pip install tqdm") from None
        return None
    return Bars(tqdm)


class Bars:
    """One bar per task that runs; called with the tasks that moved."""

    def __init__(self, tqdm: Any):
        self.tqdm, self.open = tqdm, {}

    def __call__(self, tasks: list[tuple[str, int, int, str, bool]]) -> None:
        """Show ``(task, done, total, note, over)`` of each."""
        for name, done, total, note, over in tasks:
            bar = self.open.get(name)
            if bar is None:
                if over:
                    continue
                bar = self.open[name] = self.tqdm(desc=name, total=total or None, delay=DELAY, leave=False)
            bar.set_postfix_str(note, refresh=False)
            bar.update(done - bar.n)
            if over:
                self.open.pop(name).close()

    def close(self) -> None:
        """Close what is still open."""
        for bar in self.open.values():
            bar.close()
        self.open.clear()
