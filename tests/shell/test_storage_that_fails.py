# SPDX-License-Identifier: GPL-3.0-or-later
"""In every life, each operation of the storage fails once: which promises hold all the same."""

from __future__ import annotations

import pytest

from agent.core.errors import StorageError
from tests.shell.harness.lives import LIVES, Life
from tests.shell.harness.living import live, outlive
from tests.shell.harness.promises import Promises
from tests.shell.harness.shell import NodeOf
from tests.shell.harness.storage import Fault

KNOWN = {
    # Nothing bounds the record of a new call: while it hangs, a caller hears nothing but 100 Trying.
    ("open_call", Fault.HANG): "left",
    # The caller is refused, and the record stands: its arrival is never sent, the call never over on disk.
    # The next process tells the script that it failed.
    ("open_call", Fault.AFTER): "recorded settled",
    # The script is never told: what can't be stored at the terminal moment is not tried again.
    ("record_signal", Fault.BEFORE): "told",
    # The signal stands as `sending`, and nobody sends it: the next process makes it `unknown`.
    ("record_signal", Fault.AFTER): "settled",
    ("record_handoff", Fault.AFTER): "settled",
}
"""KNOWN: what happens today instead of what was promised, in whichever life."""
KNOWN_OF_LIFE = {
    # Here the caller does not wait for the record any more.
    ("caller gives up while recording", "open_call", Fault.HANG): "",
    # A voice agent that is gone can't ask again, and the script is not told of what it said.
    ("asked by BYE", "record_handoff", Fault.BEFORE): "told",
}

ROWS = [
    pytest.param(life, name, number, fault, id=f"{life.name}: {name} {number} {fault.name}")
    for life in LIVES
    for name, number in life.asks_of_storage()
    for fault in Fault
]


@pytest.mark.parametrize(("life", "name", "number", "fault"), ROWS)
async def test_one_operation_fails(life: Life, name: str, number: int, fault: Fault, node_of: NodeOf) -> None:
    async with node_of(life.project) as node:
        node.store.plan[name, number] = fault
        promises = Promises(node)
        await live(node, life, promises)
        await outlive(node, promises, StorageError)
        known = KNOWN_OF_LIFE.get((life.name, name, fault), KNOWN.get((name, fault), ""))
        assert " ".join(sorted(promises.broken)) == known
        assert node.broke == [], "the fault of a storage is nobody's internal error"
