# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls as far as they have come, and what happens to them, by name."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from agent.core import events as on
from agent.core.actions import Action, Stop, StopAll, Timer
from agent.core.call import Machine, Plan, State
from agent.core.events import Event
from agent.core.methods import Method, OnFailure
from agent.core.moments import Moment
from agent.core.records import Handoff
from agent.core.sides import Side

HANDOFF = Handoff("h-1", "c-1", "acme", "care", "4711", 0.0)
ELSEWHERE = replace(HANDOFF, target="sip:queue@cc.example")
CALLER_GONE = on.LegEnded(Side.CALLER, 200)
AGENT_GONE = on.LegEnded(Side.AGENT, 200, attempt=1)
CANCELLED = on.LegEnded(Side.CALLER, 487)

TOLD = on.Told(sent=True)
ACCEPTED = on.SignalSettled(Moment.HANDOFF, accepted=True)
FAILED = on.SignalSettled(Moment.HANDOFF, accepted=False)
LATE = on.TimerFired(Timer.DEADLINE)

RECORDED = (on.Recorded(),)
BRIDGED = (*RECORDED, on.AgentAnswered())
HANDED_OFF = (*BRIDGED, on.HandoffAsked(HANDOFF))
TELLING = (*HANDED_OFF, TOLD)
RETURNING = (*TELLING, ACCEPTED)

RELEASE = Plan(targets=2)
REFER = Plan(1, Method.REFER, back=2)
BRIDGE = Plan(1, Method.BRIDGE, back=2)
KEEP = Plan(1, on_failure=OnFailure.KEEP)
ELSE_REFER = Plan(1, back=2, on_failure=OnFailure.REFER)
FINISH = Plan(1, finish_prompt=True)


def call_after(events: Iterable[Event], plan: Plan = RELEASE) -> Machine:
    """A call to which all this has happened."""
    call = Machine(plan)
    call.begin()
    for event in events:
        call.handle(event)
    return call


def acts(call: Machine, event: Event) -> list[Action]:
    """What the call asks for, without the clocks it stops."""
    return [action for action in call.handle(event) if not isinstance(action, Stop | StopAll)]


def stands(call: Machine) -> State:
    """Where the call stands now."""
    return call.state
