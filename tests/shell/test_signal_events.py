# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of a signal is told to the story, to those who wait, and to the call."""

from __future__ import annotations

from typing import cast

import pytest

from agent.calls.chronicle import Chronicle
from agent.calls.contained import Contained
from agent.calls.register import Register
from agent.calls.signal_events import SignalEvents
from agent.core import events as on
from agent.core.moments import Moment, SignalState
from agent.core.records import Channel, Signal
from agent.delivery.courier import SignalEvent
from agent.telemetry.metrics import Metrics
from tests.shell.harness.scripted_call import ScriptedCall, call


class Told:
    """Stands for the chronicle and the bell, with one call that is up."""

    def __init__(self) -> None:
        self.call: ScriptedCall = call("c-1")
        self.written: list[SignalEvent] = []
        self.rung: list[tuple[str, ...]] = []
        register = Register()
        register.add(self.call.as_call)
        self.metrics, self.broken = Metrics(), False
        self.events = SignalEvents(
            register,
            cast("Chronicle", self),
            lambda *about: self.rung.append(about),
            Contained(self.metrics),
        )

    def signal(self, event: SignalEvent) -> None:
        """Note it, as the chronicle would."""
        if self.broken:
            raise RuntimeError("planned")
        self.written.append(event)

    def take(
        self, state: SignalState, channel: Channel = Channel.SIGNAL, call_id: str = "c-1"
    ) -> SignalEvent:
        """Let an event come."""
        ids = ("s-1", call_id, "acme", "care", "4711")
        event = SignalEvent(Signal(*ids, Moment.HANDOFF, {}, 0.0, 1.0, state, channel=channel), None)
        self.events.take(event)
        return event


@pytest.mark.parametrize("state", [state for state in SignalState if state.final])
def test_the_call_hears_of_an_end_and_whether_it_is_a_good_one(state: SignalState) -> None:
    told = Told()
    event = told.take(state)
    assert told.call.handled == [on.SignalSettled(Moment.HANDOFF, state is SignalState.ACCEPTED)]
    assert (told.written, told.rung) == ([event], [("c-1", "4711")])


@pytest.mark.parametrize("state", [SignalState.RECORDED, SignalState.SENDING])
def test_what_is_no_end_is_told_to_everybody_but_the_call(state: SignalState) -> None:
    told = Told()
    told.take(state)
    assert told.call.handled == []
    assert (len(told.written), told.rung) == (1, [("c-1", "4711")])


@pytest.mark.parametrize("channel", [Channel.WEBHOOK, Channel.TRANSCRIPT])
def test_nobody_waits_for_webhooks_and_transcripts(channel: Channel) -> None:
    told = Told()
    told.take(SignalState.ACCEPTED, channel)
    assert (told.call.handled, told.rung, len(told.written)) == ([], [], 1)


def test_the_signal_of_a_call_that_is_over_is_told_all_the_same() -> None:
    told = Told()
    told.take(SignalState.UNKNOWN, call_id="c-9")
    assert (told.call.handled, told.rung, len(told.written)) == ([], [("c-9", "4711")], 1)


def test_the_call_hears_of_its_signal_though_nobody_else_could_be_told() -> None:
    told = Told()
    told.broken = True
    told.take(SignalState.ACCEPTED)
    assert told.call.handled == [on.SignalSettled(Moment.HANDOFF, accepted=True)]
    assert (told.written, told.rung) == ([], [("c-1", "4711")])
    assert b'handoff_internal_errors_total{where="news"} 1.0' in told.metrics.render()[0]
