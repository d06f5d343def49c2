# SPDX-License-Identifier: GPL-3.0-or-later
"""In every life, each verb of the stack fails once: every promise holds all the same."""

from __future__ import annotations

import pytest

from agent.core.errors import SipError
from tests.shell.harness.lives import LIVES, Life
from tests.shell.harness.living import live, outlive
from tests.shell.harness.promises import Promises
from tests.shell.harness.shell import NodeOf

ERRORS = (SipError("planned"), RuntimeError("planned"))
ROWS = [
    pytest.param(life, name, number, error, id=f"{life.name}: {name} {number} {type(error).__name__}")
    for life in LIVES
    for name, number in life.asks_of_stack()
    for error in ERRORS
]


@pytest.mark.parametrize(("life", "name", "number", "error"), ROWS)
async def test_one_verb_fails(life: Life, name: str, number: int, error: Exception, node_of: NodeOf) -> None:
    async with node_of(life.project) as node:
        node.stack.verbs.plan[name, number] = error
        promises = Promises(node)
        await live(node, life, promises)
        await outlive(node, promises, type(error))
        assert not promises.broken
        assert node.broke or isinstance(error, SipError), "it is counted, but for what SIP may well refuse"
