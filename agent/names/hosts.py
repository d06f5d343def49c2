# SPDX-License-Identifier: GPL-3.0-or-later
"""Which names this machine knows by itself (hosts(5), RFC 6761 section 6.3): DNS adds nothing to them."""

from __future__ import annotations

import os
from pathlib import Path

_FILE = Path("/etc/hosts")


class Hosts:
    """The names in the hosts file, read anew when it has changed.

    Args:
        path: the file.
    """

    def __init__(self, path: Path = _FILE) -> None:
        self._path = path
        self._stamp: tuple[int, int, int] | None = None
        self._names: frozenset[str] = frozenset()

    def __contains__(self, name: str) -> bool:
        name = name.lower().rstrip(".")
        if name == "localhost" or name.endswith(".localhost"):
            return True
        try:
            found = os.stat(self._path)  # noqa: PTH116 - once for each call that is dialled
            stamp = found.st_mtime_ns, found.st_size, found.st_ino
            if stamp != self._stamp:
                self._names = names_in(self._path.read_text(errors="replace"))
                self._stamp = stamp
        except OSError:
            self._names, self._stamp = frozenset(), None
        return name in self._names


def names_in(text: str) -> frozenset[str]:
    """The names that a hosts file holds, in lower case."""
    lines = (line.partition("#")[0].split() for line in text.splitlines())
    return frozenset(name.lower().rstrip(".") for words in lines for name in words[1:])
