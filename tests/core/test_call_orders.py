# SPDX-License-Identifier: GPL-3.0-or-later
"""The call in every order of events that its surroundings allow: what holds in all of them.

From the first INVITE every event that may come is tried in every state, until no new state is found, so
nothing here is a sample. A promise that breaks is told with the shortest way to it.
"""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core import events as on
from agent.core.call import Call, State
from agent.core.events import Event, Side, Timer
from agent.core.moments import Moment
from agent.core.reasons import End, Reason
from tests.core.surroundings import HANDOFF, PROMISES, Broken, World

Node = tuple[World, tuple[object, ...]]


def _node(world: World, call: Call) -> Node:
    return world, tuple(value for _, value in sorted(vars(call).items()))


@dataclass
class Explored:
    """Every state that a call can come to.

    Attributes:
        came_from: the node and the event that first led to a node.
        steps: from a node, by event, to the next one.
        broken: by promise, the shortest way to where it breaks.
    """

    came_from: dict[Node, tuple[Node, Event] | None] = field(default_factory=dict)
    steps: dict[Node, dict[Event, Node]] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)

    def way(self, node: Node) -> str:
        """The events that lead to a node, one a line."""
        events = []
        step = self.came_from[node]
        while step is not None:
            node, event = step
            events.append(str(event))
            step = self.came_from[node]
        return "\n".join(reversed(events))


def _advance(world: World, call: Call, event: Event) -> tuple[World, Call]:
    after, moved = world.after(event, call.state), copy.copy(call)
    for action in moved.handle(event):
        after = after.perform(action)
    after.at_rest()
    return after, moved


@cache
def explored(targets: int) -> Explored:
    """Walk through every state, breadth first."""
    call, world = Call(targets), World()
    for action in call.begin():
        world = world.perform(action)
    first = _node(world, call)
    found = Explored(came_from={first: None})
    queue = deque([(first, world, call)])
    while queue:
        node, world, call = queue.popleft()
        steps = found.steps[node] = {}
        for event in world.events(call.state):
            try:
                after, moved = _advance(world, call, event)
            except Broken as broken:
                found.broken.setdefault(broken.promise, f"{broken}\n{found.way(node)}\n{event}")
                continue
            reached = steps[event] = _node(after, moved)
            if reached not in found.came_from:
                found.came_from[reached] = (node, event)
                queue.append((reached, after, moved))
    return found


@pytest.mark.parametrize("promise", PROMISES)
@pytest.mark.parametrize("targets", [0, 1, 2], ids=["no_target", "one_target", "two_targets"])
def test_each_promise_holds_in_every_order_of_events(targets: int, promise: str) -> None:
    assert promise not in explored(targets).broken, explored(targets).broken[promise]


def test_the_walk_comes_to_every_state_and_every_end() -> None:
    worlds = [world for world, _ in explored(2).steps]
    assert {world.closed for world in worlds} == {None, *End}
    assert {world.confirmed for world in worlds} == {None, Moment.HANDOFF, Moment.COMPLETED, Moment.FAILED}
    assert any(world.agents == ("ended", "ended") for world in worlds)
    assert len(worlds) > 1000


OWN = (on.Recorded, on.NotRecorded, on.TimerFired)
ANSWERS = (on.Recorded, on.NotRecorded, on.Told, on.NotTold)


def _stuck(found: Explored, inside: Callable[[World], bool], helped_by: tuple[type, ...]) -> str:
    """The way to a call that is never over though each of these events that can come does come, in any order.

    Empty when there is none. Steps by these events alone never lead back to where they began, or the walk
    through them would not end: that is looked at too.
    """
    ends: dict[Node, bool | None] = {}

    def is_over(node: Node) -> bool:
        if node in ends:
            return ends[node] is True  # None: a circle
        ends[node] = None
        steps = [after for event, after in found.steps[node].items() if isinstance(event, helped_by)]
        ends[node] = node[0].closed is not None or (bool(steps) and all(map(is_over, steps)))
        return ends[node] is True

    stuck = (node for node in found.steps if inside(node[0]) and not is_over(node))
    return next((found.way(node) for node in stuck), "")


@pytest.mark.parametrize("targets", [0, 1, 2])
def test_a_call_whose_caller_is_up_ends_by_its_own_timers_whatever_others_do(
    targets: int,
) -> None:
    assert not _stuck(explored(targets), lambda world: world.caller == "up", OWN)


@pytest.mark.parametrize("targets", [0, 1, 2])
def test_a_call_whose_caller_is_gone_ends_with_the_answer_of_the_record(targets: int) -> None:
    assert not _stuck(explored(targets), lambda world: world.caller == "gone", ANSWERS)


@given(st.integers(3, 6), st.lists(st.integers(0, 11), max_size=60))
def test_longer_plans_keep_every_promise_too(targets: int, choices: list[int]) -> None:
    call, world = Call(targets), World()
    for action in call.begin():
        world = world.perform(action)
    for choice in choices:
        possible = list(world.events(call.state))
        world, call = _advance(world, call, possible[choice % len(possible)])


ANY_EVENT = st.one_of(
    st.builds(on.Recorded),
    st.builds(on.NotRecorded),
    st.builds(on.AgentProgress, st.sampled_from([180, 183, 199]), st.booleans()),
    st.builds(on.AgentAnswered),
    st.builds(on.LegEnded, st.sampled_from(Side), st.sampled_from([200, 487, 503]), st.integers(0, 3)),
    st.builds(on.HandoffAsked, st.just(HANDOFF)),
    st.builds(on.Told, st.booleans()),
    st.builds(on.NotTold),
    st.builds(on.SignalSettled, st.sampled_from(Moment)),
    st.builds(on.TimerFired, st.sampled_from(Timer)),
    st.builds(on.MediaLost, st.sampled_from(Side)),
    st.builds(on.DtmfReceived, st.sampled_from(Side), st.just("5")),
    st.builds(on.EndAsked, st.sampled_from([Reason.OPERATOR, Reason.SHUTDOWN])),
)


@given(st.integers(0, 3), st.lists(ANY_EVENT, max_size=30))
def test_even_events_that_make_no_sense_neither_raise_nor_act_after_the_end(
    targets: int, events: list[Event]
) -> None:
    call = Call(targets)
    actions = [action for event in events for action in call.handle(event)]
    closed = [index for index, action in enumerate(actions) if isinstance(action, on.Close)]
    assert closed in ([], [len(actions) - 1])
    assert (call.state is State.ENDED) == bool(closed)
    assert sum(isinstance(action, on.AnswerCaller) for action in actions) <= 1
