# SPDX-License-Identifier: GPL-3.0-or-later
"""Opening the files of a configuration: regular ones only, as a pipe or a device may never come to an end."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO


class TooLargeError(OSError):
    """A file holds more than it may."""


def open_regular(path: Path) -> BinaryIO:
    """Open a file for reading; links to one are followed. Never waits for a peer, as opening a FIFO would.

    Raises:
        OSError: it can't be opened, or is none.
    """
    _require_regular(path.stat())  # opening a device may do something by itself
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    try:
        _require_regular(os.fstat(descriptor))  # it may have been put there meanwhile
        return os.fdopen(descriptor, "rb")
    except OSError:
        os.close(descriptor)
        raise


def read_regular(path: Path, most: int) -> bytes:
    """What a file holds.

    Args:
        path: where it is.
        most: bytes that it may hold; what the system calls its size may be wrong, and is not asked for.

    Raises:
        TooLargeError: it holds more.
        OSError: it can't be read, or is no regular file.
    """
    with open_regular(path) as file:
        found = file.read(most + 1)
    if len(found) > most:
        raise TooLargeError(errno.EFBIG, f"it is larger than {most >> 20} MiB", str(path))
    return found


def _require_regular(seen: os.stat_result) -> None:
    if stat.S_ISDIR(seen.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(seen.st_mode):
        raise OSError(errno.EINVAL, "it is no regular file, but a pipe, a socket or a device")
