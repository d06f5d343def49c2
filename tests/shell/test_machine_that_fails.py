# SPDX-License-Identifier: GPL-3.0-or-later
"""In every life, the call's machine breaks once, by a mistake of ours: all of the call is let go of."""

from __future__ import annotations

import pytest

from agent.core.call import Machine
from agent.core.call.table import Actions
from agent.core.events import Event
from tests.shell.harness.lives import LIVES, Life
from tests.shell.harness.living import live, outlive
from tests.shell.harness.promises import Promises
from tests.shell.harness.shell import NodeOf

OF_THE_NEXT_PROCESS = {"recorded", "told", "settled"}
"""Promises that it keeps: the call is still up on disk, and its script is told that it failed."""
MOST_EVENTS = 8


class Mistake(Exception):  # noqa: N818 - it is one of ours
    """What no machine does."""


@pytest.mark.parametrize("place", range(1, MOST_EVENTS + 1))
@pytest.mark.parametrize("life", LIVES, ids=[life.name for life in LIVES])
async def test_the_machine_breaks(
    life: Life, place: int, node_of: NodeOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    takes, taken = Machine.handle, []

    def handle(machine: Machine, event: Event) -> Actions:
        taken.append(event)
        if len(taken) == place:
            raise Mistake
        return takes(machine, event)

    monkeypatch.setattr(Machine, "handle", handle)
    async with node_of(life.project) as node:
        promises = Promises(node)
        await live(node, life, promises)
        await outlive(node, promises, Mistake)
        assert promises.broken <= OF_THE_NEXT_PROCESS
        assert not node.tasks._running
