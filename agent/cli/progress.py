# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a long command has come: one line on a terminal, nothing where nobody looks."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

Come: TypeAlias = Callable[[int, str], None]
"""Told how much of the whole is done, and in words what that is."""


@contextmanager
def progress(what: str, whole: int) -> Iterator[Come]:
    """Show a line on standard error while it is a terminal; it is gone in the end.

    Args:
        what: is done.
        whole: how much there is to do.
    """
    if not sys.stderr.isatty():
        yield lambda _done, _words: None
        return
    # Imported here: it takes a tenth of a second.
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    shown = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[words]}"),
        TimeRemainingColumn(),
    )
    with Progress(*shown, console=Console(stderr=True), transient=True) as line:
        task = line.add_task(what, total=max(whole, 1), words="")
        yield lambda done, words: line.update(task, completed=done, words=words)
