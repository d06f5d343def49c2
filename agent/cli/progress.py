# SPDX-License-Identifier: GPL-3.0-or-later
"""What a command that takes its time shows on a terminal: one line of standard error, written over."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Self, TextIO

_ANEW: Final = "\r\x1b[2K"  # to the beginning of the line, which is emptied (ECMA-48 EL)
_FIRST_SECONDS: Final = 1.0
_AGAIN_SECONDS: Final = 0.5


class Progress:
    """The line. Where standard error is no terminal it is silent: a log is no place for it."""

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out or sys.stderr
        self._shown = ""
        self._seen = self._out.isatty()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.clear()

    def tell(self, text: str) -> None:
        """Show this instead of what was shown before; ``""`` clears the line."""
        if self._seen and text != self._shown:
            self._out.write(f"{_ANEW}{text}")
            self._out.flush()
            self._shown = text

    def clear(self) -> None:
        """Leave nothing behind."""
        self.tell("")


@contextmanager
def busy(text: str, out: TextIO | None = None) -> Iterator[None]:
    """Show `text` and the seconds while the body runs, once it takes longer than one.

    A thread counts them, since the body is Python that does not come back before it is done.
    """
    progress, over, began = Progress(out), threading.Event(), time.monotonic()

    def count() -> None:
        wait = _FIRST_SECONDS
        while not over.wait(wait):
            progress.tell(f"{text} … {time.monotonic() - began:.0f} s")
            wait = _AGAIN_SECONDS

    thread = threading.Thread(target=count, name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        progress.clear()
