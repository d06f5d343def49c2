# SPDX-License-Identifier: GPL-3.0-or-later
"""Compresses files that are done; all of one stands under the one name or the other at any time."""

from __future__ import annotations

import gzip
import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Final

from agent.delivery.record_files.names import GZIP, PART, DoneFile

FILE_MODE: Final = 0o640
"""Numbers of callers' calls: the group may read them, nobody else."""
_CHUNK: Final = 1 << 20


def compress(file: DoneFile) -> None:
    """Put a compressed file in the place of a plain one.

    Raises:
        OSError: it can't be; the plain one stands as it was.
    """
    whole = file.path.with_name(file.path.name + GZIP)
    part = whole.with_name(whole.name + PART)
    if not whole.exists():
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, FILE_MODE)
        try:
            with file.path.open("rb") as plain, os.fdopen(descriptor, "wb") as out:
                with gzip.GzipFile("", "wb", fileobj=out, mtime=0) as packed:
                    shutil.copyfileobj(plain, packed, _CHUNK)
                out.flush()
                os.fsync(out.fileno())
        except OSError:
            with suppress(OSError):
                part.unlink()
            raise
        part.rename(whole)
        sync_folder(whole.parent)
    file.path.unlink()


def sync_folder(folder: Path) -> None:
    """Make the names of its files durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
