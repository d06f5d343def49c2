# SPDX-License-Identifier: GPL-3.0-or-later
"""How commands read the configuration folder, and their exit codes."""

from __future__ import annotations

import sys
from pathlib import Path

from agent.core.model import Snapshot
from agent.settings import Mistakes, load

DONE, FOUND_WRONG, COULD_NOT_RUN = 0, 1, 2


def read_or_explain(folder: Path, instance: int = 0) -> Snapshot | None:
    """The configuration, of an instance if named; None after its mistakes were written to standard error."""
    try:
        return load(folder, instance=instance)
    except Mistakes as mistakes:
        print(mistakes, file=sys.stderr)
        print(f"{folder} has mistakes: correct them first (handoff-agent check)", file=sys.stderr)
        return None
