# SPDX-License-Identifier: GPL-3.0-or-later
"""Enums whose value is read in C are enums as any other."""

from __future__ import annotations

import json
import pickle
from enum import Enum

import pytest

from agent.core.actions import Timer
from agent.core.call import State
from agent.core.moments import Moment, SignalState
from agent.core.reasons import End, Reason
from agent.core.records import Channel
from agent.core.sides import Side


@pytest.mark.parametrize("enum", [Channel, End, Moment, Reason, Side, SignalState, State, Timer])
def test_each_member_is_found_by_its_value_and_survives_the_way_to_another_process(enum: type[Enum]) -> None:
    for member in enum:
        assert enum(member.value) is member
        assert type(member.value) is str
        assert pickle.loads(pickle.dumps(member)) is member  # noqa: S301 - our own
        assert json.loads(json.dumps(member.value)) == member.value


def test_a_value_is_no_member() -> None:
    assert [member.name for member in End] == ["HANDOFF", "COMPLETED", "FAILED", "CALLER"]
    assert list(Side) == ["caller", "agent", "target"]
