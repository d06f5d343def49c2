# SPDX-License-Identifier: GPL-3.0-or-later
"""A line is found in the story of a call by its words."""

from __future__ import annotations

from agent.simulators.story import Story

ENTRIES = [
    {"when": 1.0, "kind": "sip", "text": "caller → us INVITE"},
    {"when": 2.0, "kind": "signal", "text": "arrival begun: durable"},
    {"when": 3.0, "kind": "signal", "text": "handoff begun: durable"},
]


def test_the_first_line_with_all_words_counts() -> None:
    story = Story.of(ENTRIES)
    assert story.first("begun") == 2.0
    assert story.first("begun", "handoff") == 3.0
    assert story.first("begun", "INVITE") is None
