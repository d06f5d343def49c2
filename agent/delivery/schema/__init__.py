# SPDX-License-Identifier: GPL-3.0-or-later
"""The tables and the steps that lead to them, kept and taken by Alembic for both kinds of database.

A step is never changed once it was released: a new one is appended, as ``versions/step_NUMBER_name.py``.
They are taken in a child process (`agent.delivery.schema.child`): a start that lacks none reads a single row.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from agent.core.errors import StorageError

FOLDER: Final = Path(__file__).parent
KNOWN: Final = tuple(sorted(file.name.split("_")[1] for file in FOLDER.glob("versions/step_*.py")))
HEAD: Final = KNOWN[-1]
"""The version that this agent works with; the newest file in ``versions``."""
LOCK_WAIT_SECONDS: Final = 2.0
"""For others who write to the same SQLite file; a `signals` command does for milliseconds."""
VERSION: Final = "SELECT version_num FROM alembic_version"


def due(found: str | None) -> bool:
    """Whether a database of this version (None: an empty one) lacks steps.

    Raises:
        StorageError: it was written by a newer agent.
    """
    if found is not None and found not in KNOWN:
        raise StorageError(f"its tables are of version {found}, this agent knows {HEAD}: use the newer agent")
    return found != HEAD
