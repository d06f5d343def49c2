# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole lives of calls through the shell, with nothing that fails: what they ask for, and how they end."""

from __future__ import annotations

import pytest

from agent.core.errors import StorageError
from tests.shell.harness.lives import LIVES, Life
from tests.shell.harness.living import live, outlive
from tests.shell.harness.promises import Promises
from tests.shell.harness.shell import NodeOf


@pytest.mark.parametrize("life", LIVES, ids=[life.name for life in LIVES])
async def test_a_life_asks_for_this_in_this_order_and_keeps_all_promises(life: Life, node_of: NodeOf) -> None:
    async with node_of(life.project) as node:
        promises = Promises(node)
        await live(node, life, promises)
        (call,) = node.admitted
        assert node.store.trail == life.storage.split()
        assert node.verbs == life.verbs.split()
        assert f"{call.record.end} {call.record.reason}" == life.ends
        await outlive(node, promises, StorageError)
        assert promises.broken == set()
        assert node.broke == []
