# SPDX-License-Identifier: GPL-3.0-or-later
"""The file that log lines are appended to; whoever rotates it need tell nobody.

Moved or deleted (logrotate's ``create``, ``nocreate``): the path is opened anew before the next write.
Emptied in its place (``copytruncate``): a write that appends goes to where the file ends now.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from agent.core.errors import AgentError

# Nothing waits for the reader of a pipe, and no terminal becomes the process' own.
_FLAGS: Final = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
_MODE: Final = 0o640


class LogFile:
    """A file by its path. For the thread that writes: a disk may take its time.

    Attributes:
        fault: why the path can't be opened now; None while it can.
    """

    def __init__(self, path: Path) -> None:
        self.fault: str | None = None
        self._path = path
        self._descriptor = -1
        self._identity = (0, 0)

    def descriptor(self) -> int | None:
        """Where the path leads now, open for appending; None while it can't be opened, see `fault`."""
        try:
            found = self._path.stat()
            if self._descriptor >= 0 and (found.st_dev, found.st_ino) == self._identity:
                return self._descriptor
        except OSError:
            pass  # opening it says what is wrong, or makes it
        return self._opened()

    def emptied(self) -> bool:
        """Whether nothing is in it: no line before the next one wants an end."""
        with suppress(OSError):
            return os.fstat(self._descriptor).st_size == 0
        return False

    def close(self) -> None:
        """Write there no more."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _opened(self) -> int | None:
        self.close()
        try:
            self._descriptor = os.open(self._path, _FLAGS, _MODE)
            found = os.fstat(self._descriptor)
        except OSError as error:
            self.close()
            self.fault = f"{self._path}: {error.strerror or error}"
            return None
        self._identity, self.fault = (found.st_dev, found.st_ino), None
        return self._descriptor


def require_writable(path: Path) -> None:
    """See to it that lines can go there.

    Raises:
        AgentError: they can't; one line says why.
    """
    file = LogFile(path)
    if file.descriptor() is None:
        raise AgentError(
            f"log.file can't be written to: {file.fault}; its folder must be there, and this user must be "
            "allowed to write in it"
        )
    file.close()
