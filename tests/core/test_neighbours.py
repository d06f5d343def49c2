# SPDX-License-Identifier: GPL-3.0-or-later
"""Where another node is asked, for how long, and what is told when it does not answer."""

from __future__ import annotations

import pytest

from agent.core.model.fleet import Fleet
from agent.core.neighbours import Fate, Way, is_whole, patience, told, way

FLEET = Fleet.model_validate(
    {
        "token": ["first-token-4711", "second-token-4711"],
        "nodes": [
            {"name": "edge-1", "sip": "sip:10.0.0.11:5060", "api": "http://10.0.0.11:8080"},
            {"name": "edge-2", "sip": "sip:10.0.0.12:5060", "operations": "http://10.0.0.12:8081"},
        ],
    }
)


def test_a_node_is_asked_where_the_fleet_says_with_the_first_token() -> None:
    assert way(FLEET, "edge-1", "api") == Way("http://10.0.0.11:8080", "first-token-4711")
    assert way(FLEET, "edge-2", "operations") == Way("http://10.0.0.12:8081", "first-token-4711")


@pytest.mark.parametrize(
    ("fleet", "name"), [(None, "edge-1"), (FLEET, "edge-2"), (FLEET, "edge-9"), (FLEET, "")]
)
def test_what_is_not_said_is_no_way(fleet: Fleet | None, name: str) -> None:
    assert way(fleet, name, "api") is None


def test_another_node_has_less_time_than_a_client_that_waits_ten_seconds() -> None:
    assert patience(None, 0.0) == 5
    assert patience(None, 2.0) == 7
    assert patience(None, 20.0) == 8
    assert patience(0.0, 20.0) == 5
    assert patience(60.0, 0.0) == 65


@pytest.mark.parametrize(
    ("status", "kind", "length", "whole"),
    [
        (202, "application/json; charset=utf-8", "2", True),
        (503, "application/json", "2", True),
        (202, "application/json", "3", False),
        (502, "text/html", "2", False),
        (101, "application/json", "2", False),
    ],
)
def test_only_a_whole_answer_of_an_agent_counts(status: int, kind: str, length: str, whole: bool) -> None:  # noqa: FBT001 - one of a table
    assert is_whole(status, {"Content-Type": kind, "Content-Length": length}, 2) is whole


def test_each_fate_says_which_node_and_why() -> None:
    texts = {fate: told(fate, "edge-2", "api", words="timed out", seconds=5) for fate in Fate}
    assert all(text.startswith("edge-2 ") for text in texts.values())
    assert len({*texts.values()} - {texts[Fate.UNKNOWN]}) == len(Fate) - 2  # an answer needs no words
    assert "within 5 s (timed out)" in texts[Fate.UNKNOWN]
    assert "asking again is safe" in texts[Fate.UNKNOWN]
    assert "(timed out): nothing was asked of it" in texts[Fate.NOT_REACHED]
