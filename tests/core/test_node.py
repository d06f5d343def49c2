# SPDX-License-Identifier: GPL-3.0-or-later
"""The node's one state."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.node import NodeFacts, NodeState, status
from agent.core.reasons import Reason

GRAVEST_FIRST: list[tuple[dict[str, object], NodeState, Reason, int, str]] = [
    ({"draining": True}, NodeState.DRAINING, Reason.DRAINING, 60, "draining: no new calls are taken"),
    ({"started": False}, NodeState.STARTING, Reason.NOT_READY, 5, "starting"),
    (
        {"storage_fault": "disk full"},
        NodeState.FAULTY,
        Reason.NOT_READY,
        10,
        "calls can't be recorded: disk full",
    ),
    ({"calls": 10}, NodeState.FULL, Reason.OVER_LIMIT, 2, "10 of 10 calls are up"),
]
IDS = [row[1].value for row in GRAVEST_FIRST]


def facts(**changes: object) -> NodeFacts:
    return NodeFacts(**{"started": True, "calls": 9, "limit": 10, **changes})  # type: ignore[arg-type]  # by name


def test_a_node_with_room_is_ready() -> None:
    found = status(facts())
    assert (found.state, found.refusal, found.reason, found.ready) == (NodeState.READY, None, "ready", True)


def test_a_node_in_trouble_takes_calls_and_says_why() -> None:
    found = status(facts(trouble="errors in: tick"))
    assert (found.state, found.refusal, found.ready) == (NodeState.DEGRADED, None, True)
    assert found.reason == "degraded, calls are taken: errors in: tick"


@pytest.mark.parametrize("grave", GRAVEST_FIRST, ids=IDS)
def test_what_stands_against_new_calls_is_graver(
    grave: tuple[dict[str, object], NodeState, Reason, int, str],
) -> None:
    assert status(facts(trouble="errors in: tick", **grave[0])).state is grave[1]


@pytest.mark.parametrize(("change", "state", "refusal", "seconds", "text"), GRAVEST_FIRST, ids=IDS)
def test_each_thing_that_stands_against_new_calls_has_its_words(
    change: dict[str, object], state: NodeState, refusal: Reason, seconds: int, text: str
) -> None:
    found = status(facts(**change))
    assert (found.state, found.refusal, found.retry_after, found.reason) == (state, refusal, seconds, text)
    assert not found.ready


@pytest.mark.parametrize("first", range(len(GRAVEST_FIRST)))
def test_of_several_the_gravest_is_told(first: int) -> None:
    changes: dict[str, object] = {}
    for row in GRAVEST_FIRST[first:]:
        changes.update(row[0])
    assert status(facts(**changes)).state is GRAVEST_FIRST[first][1]


def test_a_lowered_limit_makes_the_node_full() -> None:
    assert status(facts(calls=20, limit=10)).state is NodeState.FULL


@given(
    st.booleans(),
    st.booleans(),
    st.none() | st.text(),
    st.integers(0, 20),
    st.integers(0, 20),
    st.none() | st.text(),
)
def test_a_state_and_its_refusal_never_disagree(  # noqa: PLR0917 - one for each fact
    started: bool,  # noqa: FBT001 - drawn
    draining: bool,  # noqa: FBT001 - drawn
    fault: str | None,
    calls: int,
    limit: int,
    trouble: str | None,
) -> None:
    found = status(NodeFacts(started, draining, fault, calls, limit, trouble))
    assert found.ready == (found.state in (NodeState.READY, NodeState.DEGRADED)) == (found.refusal is None)
    assert (found.retry_after > 0) != found.ready
    assert found.reason
