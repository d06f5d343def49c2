# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the report of a load goes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Self

from agent.core.errors import AgentError

_REPORTS: Final = Path("load-reports")
_MOST_AT_ONCE: Final = 100


class Place:
    """A folder that is there before the load begins, so that none ends without a place for its report.

    Use it with ``with``: folders that were made for it and hold nothing in the end are taken away again.
    """

    def __init__(self, folder: Path, made: Sequence[Path]) -> None:
        self.folder = folder
        self._made = made  # the innermost first

    @classmethod
    def of(cls, wanted: Path | None, name: str) -> Self:
        """The folder that the user wants, or one of its own below ``load-reports``.

        Raises:
            AgentError: nothing can be written there.
        """
        if wanted is not None:
            return cls._made_for(wanted, shared=True)
        first = _REPORTS / f"{name}-{datetime.now(UTC):%Y%m%d-%H%M%S}"
        for number in range(1, _MOST_AT_ONCE):
            with suppress(FileExistsError):  # another load began in the same second
                return cls._made_for(first if number == 1 else Path(f"{first}-{number}"), shared=False)
        raise AgentError(f"no report can be written to {first}: it exists; use --out")

    @classmethod
    def _made_for(cls, folder: Path, *, shared: bool) -> Self:
        missing = [one for one in (folder, *folder.parents) if not one.exists()]
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            folder.mkdir(exist_ok=shared)
            if not os.access(folder, os.W_OK):
                raise PermissionError(13, os.strerror(13))
        except FileExistsError:
            if not shared:
                raise
            raise AgentError(f"no report can be written to {folder}: it is a file; use --out") from None
        except OSError as error:
            raise AgentError(f"no report can be written to {folder}: {error.strerror}; use --out") from None
        return cls(folder, missing)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for folder in self._made:
            with suppress(OSError):  # it holds something, so those around it do too
                folder.rmdir()
