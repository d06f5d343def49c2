# SPDX-License-Identifier: GPL-3.0-or-later
"""What a command that takes its time shows on a terminal: one line of standard error, written over."""

from __future__ import annotations

import sys
from typing import Final, Self, TextIO

_ANEW: Final = "\r\x1b[2K"  # to the beginning of the line, which is emptied (ECMA-48 EL)


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
