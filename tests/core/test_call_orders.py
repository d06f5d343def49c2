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
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core import actions as do
from agent.core import events as on
from agent.core.actions import Action, Audio, Timer
from agent.core.call import Machine, Plan, State
from agent.core.call.machine import _TABLE
from agent.core.events import Event
from agent.core.methods import Method, OnFailure
from agent.core.moments import Moment
from agent.core.reasons import End, Reason
from agent.core.sides import Side
from tests.core.surroundings import ELSEWHERE, HANDOFF, PROMISES, Broken, World

Node = tuple[World, tuple[object, ...]]

# The way to the voice agent and the way back do not touch: each is walked through with the other kept short.
THERE = (Plan(targets=0), Plan(targets=1), Plan(targets=2))
WAYS = [
    *((method, 1, prompt) for method in Method for prompt in (False, True)),
    *((method, back, False) for method in Method if method.needs_target for back in (0, 2)),
]
BACK = tuple(
    Plan(1, method, back, policy, prompt) for (method, back, prompt), policy in product(WAYS, OnFailure)
)

LOCATED = (Plan(2, Method.REFER), Plan(1, Method.BRIDGE, 2))
"""Those in which targets have names with two addresses each: every other walk would only be longer by it."""

WALKED = tuple(dict.fromkeys((*THERE, *BACK, *LOCATED)))


def _name(plan: Plan) -> str:
    prompt = "-finish_prompt" if plan.finish_prompt else ""
    return f"{plan.targets}-{plan.method}-{plan.back}-else_{plan.on_failure}{prompt}"


each_plan = pytest.mark.parametrize("plan", WALKED, ids=_name)


@dataclass
class Explored:
    """Every state that a call can come to.

    Attributes:
        came_from: the node and the event that first led to a node.
        steps: from a node, by event, to the next one.
        broken: by promise, the shortest way to where it breaks.
        rows: the states in which each kind of event came.
    """

    came_from: dict[Node, tuple[Node, Event] | None] = field(default_factory=dict)
    steps: dict[Node, dict[Event, Node]] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)
    rows: set[tuple[State, type]] = field(default_factory=set)

    def way(self, node: Node) -> str:
        """The events that lead to a node, one a line."""
        events = []
        step = self.came_from[node]
        while step is not None:
            node, event = step
            events.append(str(event))
            step = self.came_from[node]
        return "\n".join(reversed(events))


def _begun(plan: Plan, *, arrivals: bool, names: bool, located: bool) -> tuple[World, Machine]:
    call, world = Machine(plan), World(plan, arrivals, names, located, back=plan.back)
    for action in call.begin():
        world = world.perform(action)
    return world, call


def _advance(world: World, call: Machine, event: Event) -> tuple[World, Machine]:
    after, moved = world.after(event, call), copy.copy(call)
    for action in moved.handle(event):
        after = after.perform(action, event)
    after.at_rest(moved)
    return after, moved


def _node(world: World, call: Machine) -> Node:
    return world, tuple(value for name, value in vars(call).items() if name != "plan")


@cache
def explored(plan: Plan) -> Explored:
    """What `walked` finds, once."""
    return walked(plan)


def walked(plan: Plan, until: str = "") -> Explored:
    """Walk through every state, breadth first, or until a promise breaks."""
    located = plan in LOCATED
    world, call = _begun(plan, arrivals=plan in THERE, names=plan.back < 2, located=located)
    first = _node(world, call)
    found = Explored(came_from={first: None})
    queue = deque([(first, world, call)])
    while queue and until not in found.broken:
        node, world, call = queue.popleft()
        steps = found.steps[node] = {}
        for event in world.events(call):
            found.rows.add((call.state, type(event)))
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


@each_plan
def test_every_promise_holds_in_every_order_of_events(plan: Plan) -> None:
    assert not explored(plan).broken, "\n\n".join(explored(plan).broken.values())


def test_the_walk_comes_to_every_state_every_end_and_every_row_of_the_table() -> None:
    found = [explored(plan) for plan in WALKED]
    worlds = [world for one in found for world, _ in one.steps]
    assert {world.closed for world in worlds} == {None, *End}
    assert {world.confirmed for world in worlds} == {None, Moment.HANDOFF, Moment.COMPLETED, Moment.FAILED}
    assert {world.audio for world in worlds} == {*Audio}
    assert {world.report for world in worlds} == {"", "taken", "kept"}
    assert any(world.agent.attempt == 2 and world.agent.leg == "gone" for world in worlds)
    assert any(world.queue.attempt == 2 and world.queue.leg == "answered" for world in worlds)
    assert set().union(*(one.rows for one in found)) >= set(_TABLE)
    assert len(worlds) > 20_000


Wrong = Callable[[list[Action]], list[Action]]


def _without(kind: type) -> Wrong:
    return lambda actions: [action for action in actions if not isinstance(action, kind)]


def _with(*more: Action) -> Wrong:
    return lambda actions: [*more, *actions]


WALK = Plan(1, Method.BRIDGE, 0, OnFailure.KEEP, finish_prompt=True)
MISTAKES: dict[str, tuple[State, type, Wrong]] = {
    "close": (State.BRIDGED, on.LegEnded, lambda actions: [*actions, do.CancelSignals()]),
    "told": (State.TELLING, on.SignalSettled, _with(do.Tell(Moment.FAILED, Reason.INTERNAL))),
    "answer": (State.BRIDGED, on.DtmfReceived, _with(do.AnswerCaller())),
    "refuse": (State.TELLING, on.TimerFired, _with(do.RefuseCaller(Reason.NO_AGENT))),
    "agent": (State.STORING_ALONE, on.Told, _with(do.HangUp(Side.AGENT))),
    "queue": (State.RETURNING, on.TimerFired, _with(do.HangUp(Side.TARGET))),
    "dial": (State.DIALLING_BACK, on.TargetProgress, _with(do.Dial(Side.TARGET, 0, 1))),
    "refer": (State.BRIDGED, on.MediaLost, _with(do.Refer(0))),
    "caller": (State.DIALLING, on.EndAsked, _with(do.HangUp(Side.CALLER))),
    "audio": (State.DIALLING_BACK, on.TargetAnswered, _without(do.Play)),
    "digits": (State.BRIDGED, on.DtmfReceived, lambda _: [do.SendDtmf(Side.AGENT, "5")]),
    "timers": (State.BRIDGED, on.LegEnded, _without(do.StopAll)),
    "legs": (State.TRANSFERRED, on.EndAsked, _without(do.HangUp)),
    "invite": (State.TELLING_UNANSWERED, on.TimerFired, _without(do.RefuseCaller)),
    "cancel": (State.TELLING, on.LegEnded, _without(do.CancelSignals)),
    "lost": (State.STORING_LOST, on.Told, _with(do.CancelSignals())),
    "withdrawn": (State.STORING_KEPT, on.Told, _without(do.CancelSignals)),
    "begin": (State.FINISHING, on.PromptFinished, _without(do.Begin)),
    "release": (State.STORING, on.Told, _with(do.HangUp(Side.AGENT))),
    "report": (State.TELLING, on.SignalSettled, _without(do.Report)),
    "kept": (State.KEPT, on.LegEnded, lambda _: []),
    "returned": (State.TRANSFERRED, on.DtmfReceived, _with(do.Returned(Method.BRIDGE))),
    "ended": (State.TELLING, on.EndAsked, lambda _: []),
    "end": (State.RETURNING, on.LegEnded, lambda _: [do.Close(End.COMPLETED, Reason.COMPLETED)]),
    "record": (State.BRIDGED, on.MediaLost, _with(do.Record())),
    "unheard": (State.BRIDGED, on.ActionFailed, lambda _: []),
}


@pytest.mark.parametrize("promise", PROMISES)
def test_a_call_that_breaks_a_promise_is_found_out(promise: str, monkeypatch: pytest.MonkeyPatch) -> None:
    state, event, wrong = MISTAKES[promise]
    right = _TABLE[state, event]

    def reaction(call: Machine, event: Event) -> list[Action]:
        before = copy.copy(call)
        actions = wrong(right(call, event))
        if not actions:
            vars(call).update(vars(before))
        return actions

    monkeypatch.setitem(_TABLE, (state, event), reaction)
    assert promise in walked(WALK, until=promise).broken


OWN = (on.Recorded, on.NotRecorded, on.TimerFired)
ANSWERS = (on.Recorded, on.NotRecorded, on.Told, on.NotTold)


def _stuck(
    found: Explored,
    inside: Callable[[World], bool],
    goal: Callable[[World], bool],
    helped_by: tuple[type, ...],
) -> str:
    """The way to a call that never comes to the goal though these events, if they can, do come, in any order.

    Empty when there is none. Steps by these events alone never lead back to where they began, or the walk
    through them would not end: that is looked at too.
    """
    ends: dict[Node, bool | None] = {}

    def is_over(node: Node) -> bool:
        if node in ends:
            return ends[node] is True  # None: a circle
        ends[node] = None
        steps = [after for event, after in found.steps[node].items() if isinstance(event, helped_by)]
        ends[node] = goal(node[0]) or (bool(steps) and all(map(is_over, steps)))
        return ends[node] is True

    stuck = (node for node in found.steps if inside(node[0]) and not is_over(node))
    return next((found.way(node) for node in stuck), "")


@each_plan
def test_a_caller_who_is_up_is_let_go_by_the_calls_own_timers_whatever_others_do(plan: Plan) -> None:
    assert not _stuck(
        explored(plan), lambda world: world.caller == "up", lambda world: world.caller != "up", OWN
    )


@each_plan
def test_a_call_without_its_caller_is_over_with_the_answer_of_the_record(plan: Plan) -> None:
    assert not _stuck(
        explored(plan), lambda world: world.caller != "up", lambda world: world.closed is not None, ANSWERS
    )


PLANS = st.builds(
    Plan,
    targets=st.integers(1, 4),
    method=st.sampled_from(Method),
    back=st.integers(0, 4),
    on_failure=st.sampled_from(OnFailure),
    finish_prompt=st.booleans(),
)


@given(PLANS, st.booleans(), st.lists(st.integers(0, 23), max_size=60))
def test_longer_plans_keep_every_promise_too(plan: Plan, arrivals: bool, choices: list[int]) -> None:  # noqa: FBT001
    world, call = _begun(plan, arrivals=arrivals, names=True, located=True)
    for choice in choices:
        possible = list(world.events(call))
        world, call = _advance(world, call, possible[choice % len(possible)])


ANY_EVENT = st.one_of(
    st.builds(on.Recorded),
    st.builds(on.NotRecorded),
    st.builds(on.AgentProgress, st.sampled_from([100, 180, 183, 199]), st.booleans()),
    st.builds(on.AgentAnswered, st.booleans()),
    st.builds(on.TargetProgress, st.sampled_from([100, 180, 183, 199])),
    st.builds(on.TargetAnswered, st.booleans()),
    st.builds(
        on.TransferProgress,
        st.sampled_from([100, 202, 200, 302, 491, 500, 603]),
        st.booleans(),
        st.sampled_from([None, 5]),
    ),
    st.builds(
        on.LegEnded,
        st.sampled_from(Side),
        st.sampled_from([200, 487, 503]),
        st.integers(0, 3),
        st.sampled_from([None, Reason.SESSION_EXPIRED]),
    ),
    st.builds(on.HandoffAsked, st.sampled_from([HANDOFF, ELSEWHERE])),
    st.builds(on.Told, st.booleans()),
    st.builds(on.NotTold),
    st.builds(on.PromptFinished),
    st.builds(on.SignalSettled, st.sampled_from(Moment), st.booleans()),
    st.builds(on.TimerFired, st.sampled_from(Timer)),
    st.builds(on.MediaLost, st.sampled_from(Side)),
    st.builds(on.DtmfReceived, st.sampled_from(Side), st.just("5")),
    st.builds(on.EndAsked, st.sampled_from([Reason.OPERATOR, Reason.SHUTDOWN])),
    st.builds(on.ActionFailed, st.sampled_from([do.AnswerCaller(), do.Play(Audio.BRIDGED), do.Record()])),
)


@given(PLANS, st.lists(ANY_EVENT, max_size=40))
def test_even_events_that_make_no_sense_neither_raise_nor_act_after_the_end(
    plan: Plan, events: list[Event]
) -> None:
    call = Machine(plan)
    actions = [action for event in events for action in call.handle(event)]
    closed = [index for index, action in enumerate(actions) if isinstance(action, do.Close)]
    assert closed in ([], [len(actions) - 1])
    assert (call.state is State.ENDED) == bool(closed)
    assert sum(isinstance(action, do.AnswerCaller) for action in actions) <= 1
