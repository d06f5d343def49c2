# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may have how many file descriptors: callers and the record first."""

from __future__ import annotations

import pytest

from agent.core.descriptors import OF_ITS_OWN, OPERATIONS, PER_CALL, needed, shares
from agent.core.model import Agent


def agent(calls: int, connections: int = 1000) -> Agent:
    return Agent.model_validate(
        {"node": "edge-1", "limits": {"calls": calls}, "http": {"connections": connections}}
    )


def test_with_enough_of_them_everybody_has_what_was_promised() -> None:
    dealt = shares(agent(1000), 65_536)
    assert (dealt.enough, dealt.calls, dealt.api, dealt.operations) == (True, 1000, 1000, OPERATIONS)


@pytest.mark.parametrize("limit", [64, 256, 1024, 4096, 5120, 6384, 6383])
@pytest.mark.parametrize("calls", [1, 50, 1000])
def test_http_never_gets_what_calls_need_beyond_a_quarter(limit: int, calls: int) -> None:
    dealt = shares(agent(calls), limit)
    left = limit - calls * PER_CALL - OF_ITS_OWN
    assert dealt.api + dealt.operations <= max(left, limit // 4, 16)
    assert dealt.api >= 8, "somebody can always ask"
    assert dealt.enough == (limit >= needed(agent(calls)))


def test_it_says_how_many_calls_fit() -> None:
    assert shares(agent(1000), 1024).calls == (1024 - OF_ITS_OWN - 1024 // 4) // PER_CALL
