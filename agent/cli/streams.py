# SPDX-License-Identifier: GPL-3.0-or-later
"""Standard streams that whoever started the process has closed, or that can't be written to."""

from __future__ import annotations

import io
import os
import sys
from contextlib import suppress

_STANDARD_ERROR = 2


def complete_streams() -> None:
    """Have descriptors 0, 1 and 2, though the process was started without one of them.

    Whatever is opened next would else get its number, and words for standard error would end in a database.
    In its place comes one that nothing can be written to, so that lines are counted as lost.
    """
    for number in range(_STANDARD_ERROR + 1):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDONLY), True)  # noqa: FBT003 - Python's signature
    if sys.stderr is None:
        raw = io.FileIO(_STANDARD_ERROR, "w", closefd=False)
        sys.stderr = io.TextIOWrapper(raw, errors="backslashreplace", write_through=True)


def complain(text: str) -> None:
    """Write to standard error as far as it can be written to."""
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except (OSError, ValueError):
        sys.stderr = None  # tried again at the exit it would make another code of it


def let_go_of_output() -> None:
    """Have what is still buffered go nowhere: the interpreter would complain of it at its end."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
