# SPDX-License-Identifier: GPL-3.0-or-later
"""A call whose storage fails leaves no circle of references either: nothing waits for the collector."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from agent.calls.asker import Asker
from agent.calls.live_call import LiveCall
from agent.core.errors import StorageError
from tests.shell.harness.lives import LIVES, Life
from tests.shell.harness.living import live, outlive
from tests.shell.harness.promises import Promises
from tests.shell.harness.shell import NodeOf
from tests.shell.harness.storage import Fault

ROWS = [
    pytest.param(life, name, number, fault, id=f"{life.name}: {name} {number} {fault.name}")
    for life in LIVES
    for name, number in life.asks_of_storage()
    if name == "record_handoff"
    for fault in Fault
]


@pytest.fixture
def _no_collector() -> Iterator[None]:
    """As in a node that runs; what the collector finds is kept, to be looked at."""
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    yield
    gc.set_debug(0)
    gc.garbage.clear()
    gc.enable()


@pytest.mark.usefixtures("_no_collector")
@pytest.mark.parametrize(("life", "name", "number", "fault"), ROWS)
async def test_it_leaves_the_collector_nothing_of_the_call(
    life: Life, name: str, number: int, fault: Fault, node_of: NodeOf
) -> None:
    async with node_of(life.project) as node:
        node.store.plan[name, number] = fault
        promises = Promises(node)
        await live(node, life, promises)
        await outlive(node, promises, StorageError)
        node.admitted.clear()
        gc.collect()
        found = [type(one).__name__ for one in gc.garbage if isinstance(one, (LiveCall, Asker))]
        assert found == []
