# SPDX-License-Identifier: GPL-3.0-or-later
"""What `load_in_child` runs: reads a folder and writes the result, pickled, to standard output."""

from __future__ import annotations

import os
import pickle
import sys
from pathlib import Path

from agent.core.errors import AgentError
from agent.core.model import Snapshot
from agent.settings.loader import load

_NICENESS = 10


def main(folder: str) -> None:
    """What the child does."""
    os.nice(_NICENESS)
    result: Snapshot | AgentError | str
    try:
        result = load(Path(folder))
    except AgentError as error:
        result = error
    except Exception as error:  # noqa: BLE001 - the parent must get one line, whatever it is
        result = f"{type(error).__name__}: {error}"
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as pipe:
        pickle.dump(result, pipe, protocol=pickle.HIGHEST_PROTOCOL)


if __name__ == "__main__":
    main(sys.argv[1])
