# SPDX-License-Identifier: GPL-3.0-or-later
"""In every life, each operation of the storage fails once: every promise holds all the same."""

from __future__ import annotations

import pytest

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
    for fault in Fault
]


@pytest.mark.parametrize(("life", "name", "number", "fault"), ROWS)
async def test_one_operation_fails(life: Life, name: str, number: int, fault: Fault, node_of: NodeOf) -> None:
    async with node_of(life.project) as node:
        node.store.plan[name, number] = fault
        promises = Promises(node)
        await live(node, life, promises)
        await outlive(node, promises, StorageError)
        assert not promises.broken
        assert node.broke == [], "the fault of a storage is nobody's internal error"
