# SPDX-License-Identifier: GPL-3.0-or-later
"""In every life, each verb of the stack fails once: which promises hold all the same."""

from __future__ import annotations

import pytest

from agent.core.errors import SipError
from tests.shell.harness.lives import LIVES, Life
from tests.shell.harness.living import live, outlive
from tests.shell.harness.promises import Promises
from tests.shell.harness.shell import NodeOf

# One action that fails drops those that were to follow it, `LiveCall._perform` does not go on. What is lost:
_ONE_WAY = "left loop"  # both are up, one of them hears nothing, and the longest duration is not started
_NEVER_OVER = (
    "clocks counted gone legs loop recorded"  # the call's own end: a leg, its entry, its clocks stay
)
_ABANDONED = "clocks counted gone left loop recorded"  # the same, and it is the caller who stays
_LEAVING = {
    "comfort.player 1": "gone legs",  # a WAV file that can't be played, say: the voice agent is not released
    "caller.hear 2": "gone legs",
    "agent.hear 2": "gone left legs",  # the caller hears comfort audio, and no clock runs
    "agent.hang_up 1": "gone left legs",
}
"""On the way back. That the error came is known from the log of the courier alone, whose news it was."""
_LEAVING_BY_CLOCK = {verb: f"{broken} loop" for verb, broken in _LEAVING.items()}

KNOWN: dict[str, dict[str, str]] = {
    "caller hangs up while bridged": {
        "caller.answer 1": _ONE_WAY,
        "caller.hear 1": _ONE_WAY,
        "agent.hear 1": _ONE_WAY,
        "agent.hang_up 1": _NEVER_OVER,
    },
    "caller gives up while dialling": {"caller.ring 1": "loop", "agent.hang_up 1": _NEVER_OVER},
    "early media": {
        "caller.ring 1": "loop",
        "caller.hear 1": "loop",
        "agent.hear 1": "loop",
        "caller.answer 1": "loop",
        "caller.hear 2": "bounded loop",
        "agent.hear 2": "bounded loop",
        "agent.hang_up 1": _NEVER_OVER,
    },
    "failover": {
        "caller.answer 1": _ONE_WAY,
        "caller.hear 1": _ONE_WAY,
        "agent.hear 1": _ONE_WAY,
        "agent.hang_up 1": _NEVER_OVER,
    },
    "nobody answers": {"caller.refuse 1": "counted gone left recorded"},
    "nobody responds": {
        "agent.hang_up 1": "gone legs loop",
        "agent.hang_up 2": "counted gone left legs loop recorded",
        "caller.refuse 1": "counted gone left recorded",
    },
    "digits": {"agent.send_dtmf 1": "loop", "caller.send_dtmf 1": "loop", "agent.hang_up 1": _NEVER_OVER},
    "completed": {
        "comfort.player 1": _ABANDONED,
        "caller.hear 2": _ABANDONED,
        "caller.hang_up 1": "clocks counted gone left recorded",
    },
    "released, and CXone hangs up": _LEAVING,
    "released, and we hang up": {**_LEAVING, "caller.hang_up 1": _ABANDONED},
    "released at the deadline": _LEAVING_BY_CLOCK,
    "caller hangs up while telling": {"agent.hang_up 1": _NEVER_OVER},
    "asked by REFER": {**_LEAVING, "agent.notify 1": "gone left legs"},
    "asked by BYE": {"comfort.player 1": "loop", "caller.hear 2": "loop"},
    "kept": {"agent.hang_up 1": _NEVER_OVER},
    "referred": {**_LEAVING, "caller.refer 1 RuntimeError": "left"},
    "referred to the second target": {
        **_LEAVING,
        "caller.refer 1 RuntimeError": "left",
        "caller.refer 2 RuntimeError": "loop",
    },
    "referred as the signal failed": {**_LEAVING, "caller.refer 1 RuntimeError": "left"},
    "bridged back": {
        **_LEAVING,
        "caller.hear 3": _ONE_WAY,
        "target.hear 1": _ONE_WAY,
        "target.send_dtmf 1": "loop",
        "caller.hang_up 1": _ABANDONED,
    },
    "bridged to the second target": {
        **_LEAVING,
        "caller.hear 3": _ONE_WAY,
        "target.hear 1": _ONE_WAY,
        "target.hang_up 1": _NEVER_OVER,
    },
    "no target answers": _LEAVING,
    "the prompt is finished": _LEAVING,
    "media is lost": {**_LEAVING_BY_CLOCK, "caller.hang_up 1": _ABANDONED},
    "an operator ends it": _LEAVING,
    "with a webhook": _LEAVING,
}
"""KNOWN: what happens today instead of what was promised; by life, then by verb and the how-many-th it is."""

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
        known, verb = KNOWN.get(life.name, {}), f"{name} {number}"
        today = known.get(f"{verb} {type(error).__name__}", known.get(verb, ""))
        assert " ".join(sorted(promises.broken)) == today


def test_each_row_that_is_known_is_one_that_is_played() -> None:
    played = {(life.name, f"{name} {number}") for life in LIVES for name, number in life.asks_of_stack()}
    known = {(life, " ".join(verb.split()[:2])) for life, verbs in KNOWN.items() for verb in verbs}
    assert known <= played
