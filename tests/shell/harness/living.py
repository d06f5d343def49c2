# SPDX-License-Identifier: GPL-3.0-or-later
"""Plays a life, come what may, then lets it end in every way that there is."""

from __future__ import annotations

import inspect

from tests.shell.harness.lives import Life
from tests.shell.harness.nice import ACCEPTED
from tests.shell.harness.promises import Promises
from tests.shell.harness.shell import Shell
from tests.shell.harness.steps import caller_hangs_up

_LONG = 12
"""Seconds: past the deadline, the wait for a BYE, a target's response and a retry of the storage."""
_SHORT = 3
"""Seconds: past a retry of the storage."""


async def live(node: Shell, life: Life, promises: Promises) -> None:
    """Let a life happen."""
    for one in life.steps:
        if inspect.isawaitable(going_on := one(node)):
            await going_on
        await node.settled()
        promises.look()


async def outlive(node: Shell, promises: Promises, planned: type[Exception]) -> None:
    """Let time pass, the storage heal, NICE answer and the caller hang up, whatever has happened before.

    Args:
        node: where it happened.
        promises: looks on, and looks back at the end.
        planned: the error that those who look after work that nobody awaits may be told of.
    """
    await _pass(node, promises, _LONG)
    node.store.release()
    node.nice.answers(ACCEPTED)
    await _pass(node, promises, _LONG)
    caller_hangs_up(node)
    await node.settled()
    promises.look()
    node.nice.answers(ACCEPTED)
    await _pass(node, promises, _SHORT)
    await promises.look_back(planned)


async def _pass(node: Shell, promises: Promises, seconds: int) -> None:
    for _ in range(seconds):
        await node.passes(1)
        promises.look()
