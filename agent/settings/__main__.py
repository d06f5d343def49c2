# SPDX-License-Identifier: GPL-3.0-or-later
"""What `load_in_child` runs: reads a folder and tells what it found on standard output, pickled.

Arguments: the folder, the instance's number (0: none), the descriptor of the memory that the number map is
written to, and, where a snapshot in force comes on standard input, the descriptor of the memory with its map.
"""

from __future__ import annotations

import os
import pickle
import sys
from pathlib import Path

from agent.child import take_at_most
from agent.core.errors import AgentError
from agent.core.frozen import NOTHING
from agent.core.model import Snapshot
from agent.settings.changes import changes
from agent.settings.handover import PackedFresh, fill, pack, unpack
from agent.settings.loader import load
from agent.settings.mistakes import MOST_TOLD, Mistakes

_NICENESS = 10
MOST_MEMORY = 2 << 30
"""Bytes of address space beyond an empty Python's; a million numbers take less than 1 GiB."""


def main(folder: str, instance: str, memory: str, *in_force: str) -> None:
    """What the child does."""
    take_at_most(MOST_MEMORY)
    if in_force:  # at the start nothing runs yet that it could hold up
        os.nice(_NICENESS)
    result: PackedFresh | AgentError | str
    try:
        old = _in_force(*in_force)
        number = int(instance) if old is None else old.instance
        certificates = NOTHING if old is None else old.certificates
        fresh = load(Path(folder), in_force=certificates, instance=number)
        summary = None if old is None else changes(old, fresh).summary(len(old.numbers))
        result = PackedFresh(pack(fresh), summary)
        fill(int(memory), fresh.numbers)
    except Mistakes as error:
        result = error.first(MOST_TOLD)
    except AgentError as error:
        result = error
    except MemoryError:
        result = f"reading it takes more than {MOST_MEMORY >> 30} GiB of memory, more than a large map does"
    except Exception as error:  # noqa: BLE001 - the parent must get one line, whatever it is
        result = f"{type(error).__name__}: {error}"
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as pipe:
        pickle.dump(result, pipe, protocol=pickle.HIGHEST_PROTOCOL)


def _in_force(memory: str | None = None) -> Snapshot | None:
    """The snapshot in force; None where there is none."""
    if memory is None:
        return None
    with os.fdopen(os.dup(sys.stdin.fileno()), "rb") as pipe:
        return unpack(pickle.load(pipe), int(memory))  # noqa: S301 - it comes from our own parent


if __name__ == "__main__":
    main(*sys.argv[1:])
