# SPDX-License-Identifier: GPL-3.0-or-later
"""The form of the tables: in a state, at an event, a reaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

from agent.core.actions import Action
from agent.core.call.call import Call
from agent.core.call.states import State

Actions: TypeAlias = list[Action]
# Each reaction takes the one kind of event that it stands next to; hence Any.
Reaction: TypeAlias = Callable[[Call, Any], Actions]
Table: TypeAlias = dict[tuple[State, type], Reaction]


def during(states: Iterable[State], reactions: Mapping[type, Reaction]) -> Table:
    """The part of a table that is the same in each of these states."""
    return {(state, event): reaction for state in states for event, reaction in reactions.items()}
