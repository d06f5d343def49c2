# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole lives of calls through the shell, with nothing that fails: what they ask for, and how they end."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from weakref import ref

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


@pytest.fixture
def no_collector() -> Iterator[None]:
    """As in a node that runs: nothing is collected while calls want answers."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize("life", LIVES, ids=[life.name for life in LIVES])
async def test_a_call_that_is_over_leaves_the_collector_nothing_to_do(life: Life, node_of: NodeOf) -> None:
    """Its parts hold no circle: its memory need not be looked for while callers wait."""
    async with node_of(life.project) as node:
        await live(node, life, Promises(node))
        await outlive(node, Promises(node), StorageError)
        over = ref(node.admitted.pop())
        node.admitted.clear()
        assert over() is None
