# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a long command is, for somebody who looks at a terminal; nothing in a pipe or a log."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeAlias

Told: TypeAlias = Callable[[str, float], None]
"""Is told what is being done, and which share of it (0 to 1) is done."""
_REFRESH_SECONDS: Final = 0.1


@contextmanager
def reading(*, long: bool = True) -> Iterator[Told | None]:
    """A line on standard error while something lasts, gone afterwards.

    Args:
        long: it will take seconds; else nothing is shown.

    Yields:
        Whom to tell; None where nobody looks.
    """
    if not long or not _is_looked_at():
        yield None
        return
    from rich.console import Console  # noqa: PLC0415 - a quarter of a second, which no other command should take
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415

    shown = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
        auto_refresh=False,  # a thread of its own would only take time from the work
    )
    task = shown.add_task("", total=1.0)
    refreshed = 0.0

    def tell(what: str, share: float) -> None:
        nonlocal refreshed
        now = time.monotonic()
        if now - refreshed >= _REFRESH_SECONDS or not share:
            refreshed = now
            shown.update(task, description=what, completed=share)
            shown.refresh()

    with shown:
        yield tell


def _is_looked_at() -> bool:
    try:
        return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
    except ValueError:  # it is closed
        return False
