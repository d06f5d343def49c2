# SPDX-License-Identifier: GPL-3.0-or-later
"""Delivery under thousands of interleavings: answers, faults, hang-ups, operators, ends and crashes anywhere.

Signals, webhooks and transcripts go through it together. The test plays the worker, the disk, NICE and the
customer's system. What it holds against the machine is what the product promises.
"""

# ruff: noqa: D102 - the names of rules are sentences

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from agent.core import delivery_events as on
from agent.core.contact_queue import ContactQueue
from agent.core.delivery import Delivery, ImpossibleEventError, Phase
from agent.core.moments import Moment, SignalState
from agent.core.outcomes import Answer, Outcome
from agent.core.records import Attempt, Channel, Signal
from agent.core.retries import AT_LEAST_ONCE, AT_MOST_ONCE, CAUTIOUS, Policy

BEFORE_THE_WIRE = (Outcome.NOT_SENT, Outcome.BREAKER_OPEN)
MAYBE = (Outcome.UNCERTAIN, Outcome.SERVER_FAULT)
contacts = st.sampled_from(["4711", "4712"])
calls = st.sampled_from(["a", "b", "c"])
which = st.integers(0, 50)
pauses = st.sampled_from([None, 5.0, 500.0])


@dataclass
class Request:
    """One request that left. ``effect``: whether NICE ran it; ``answer``: what this process was told.

    ``on_disk``: the answer outlives the process.
    """

    signal_id: str
    effect: bool
    answer: Answer | None = None
    on_disk: bool = False


class World(RuleBasedStateMachine):
    """A worker that may do any of its steps at any time."""

    policy = CAUTIOUS

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0
        self.disk: dict[str, Signal] = {}  # in the order in which they were recorded
        self.queues: dict[str, ContactQueue[Delivery]] = {}
        self.doing: dict[str, tuple[Delivery, on.Action | None]] = {}
        self.on_wire: dict[str, Request] = {}
        self.requests: list[Request] = []
        self.discarded: set[str] = set()

    @initialize(repeat=st.booleans(), faults=st.booleans())
    def configured(self, repeat: bool, faults: bool) -> None:  # noqa: FBT001 - drawn
        self.policy = Policy(repeat_unknown=repeat, retry_server_faults=faults)

    # -- what happens to signals ---------------------------------------------------------------------------

    @rule(contact=contacts, call=calls, moment=st.sampled_from(Moment), at_once=st.booleans())
    def record(self, contact: str, call: str, moment: Moment, at_once: bool) -> None:  # noqa: FBT001 - drawn
        call = f"{contact}{call}"
        for known in self.disk.values():
            if known.channel is not Channel.SIGNAL:
                continue
            if known.call_id == call and known.moment.terminal == moment.terminal:
                return  # the database's unique index
        state = SignalState.SENDING if at_once else SignalState.RECORDED
        name = f"s{len(self.disk)}"
        signal = Signal(name, call, "acme", "care", contact, moment, {}, self.now, self.now + 120, state)
        self.disk[name] = signal
        delivery = Delivery(signal)
        behind = contact in self.queues and self.queues[contact].first is not None
        self._take(delivery, delivery.handle(on.Held()) if behind else None)

    @rule(contact=contacts, call=calls)
    def record_webhook(self, contact: str, call: str) -> None:
        self._record_aside(contact, f"{contact}{call}", Channel.WEBHOOK)

    @rule(contact=contacts, call=calls)
    def record_transcript(self, contact: str, call: str) -> None:
        self._record_aside(contact, f"{contact}{call}", Channel.TRANSCRIPT)

    @rule(n=which, data=st.data())
    def one_step(self, n: int, data: st.DataObject) -> None:
        """Whatever some signal waits for comes, well or badly."""
        if self.doing:
            delivery, action = list(self.doing.values())[n % len(self.doing)]
            self._step(delivery, action, data)

    @rule(n=which, data=st.data())
    def several_steps(self, n: int, data: st.DataObject) -> None:
        """The same signal gets on without anything in between."""
        name = list(self.doing)[n % len(self.doing)] if self.doing else ""
        for _ in range(4):
            if name in self.doing:
                self._step(*self.doing[name], data)

    @rule(contact=contacts, call=calls)
    def caller_hangs_up(self, contact: str, call: str) -> None:
        for delivery, _ in tuple(self.doing.values()):
            signal = delivery.signal
            if signal.call_id == f"{contact}{call}" and signal.channel is Channel.SIGNAL:
                delivery.handle(on.Withdrawn())

    @rule(n=which)
    def operator_discards(self, n: int) -> None:
        waiting = [one for one in self.disk.values() if one.state is SignalState.RECORDED]
        if waiting:
            signal = waiting[n % len(waiting)]
            self.disk[signal.signal_id] = replace(signal, state=SignalState.CANCELLED)
            self.discarded.add(signal.signal_id)

    @rule(seconds=st.sampled_from([0.1, 5.0, 60.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @precondition(lambda self: self.doing)
    @rule(data=st.data())
    def crash(self, data: st.DataObject) -> None:
        for delivery, action in tuple(self.doing.values()):
            if isinstance(action, on.Send) and data.draw(st.booleans()):
                self._send(delivery, effect=data.draw(st.booleans()))  # it left, and nobody was told
            if isinstance(action, on.Write | on.Settle):
                if data.draw(st.booleans()):
                    self._to_disk(delivery.signal.signal_id, action.state, action.attempt)
                else:
                    self._forget_answers(delivery.signal.signal_id)
        self._start_anew()

    @precondition(lambda self: self.doing)
    @rule()
    def end_in_order(self) -> None:
        for delivery, before in tuple(self.doing.values()):
            action = before if isinstance(before, on.Settle) else delivery.handle(on.ProcessEnds(self.now))
            if isinstance(action, on.Write | on.Settle):
                self._to_disk(delivery.signal.signal_id, action.state, action.attempt)
        self._start_anew()

    # -- what must hold ------------------------------------------------------------------------------------

    @invariant()
    def a_contact_has_one_request_at_a_time(self) -> None:
        signals = [self.disk[name] for name in self.on_wire]
        on_wire = [signal.contact_id for signal in signals if signal.channel is Channel.SIGNAL]
        assert len(on_wire) == len(set(on_wire))

    @invariant()
    def what_is_on_the_wire_is_sending_on_disk(self) -> None:
        assert all(self.disk[name].state is SignalState.SENDING for name in self.on_wire)

    @invariant()
    def what_rests_is_recorded_on_disk(self) -> None:
        for name, (delivery, _) in self.doing.items():
            if delivery.phase is Phase.RESTING:
                assert self.disk[name].state is not SignalState.SENDING

    @invariant()
    def a_call_s_terminal_signal_took_effect_at_most_once_but_with_the_project_s_leave(self) -> None:
        took = [one.signal_id for one in self.requests if one.effect]
        if self.policy == CAUTIOUS:
            signals = [name for name in took if self.disk[name].channel is Channel.SIGNAL]
            assert len(signals) == len(set(signals))
        transcripts = [name for name in took if self.disk[name].channel is Channel.TRANSCRIPT]
        assert len(transcripts) == len(set(transcripts))

    def teardown(self) -> None:
        """Let everything come to its end: each signal has exactly one."""
        for _ in range(10_000):
            if not self.doing:
                break
            for name in tuple(self.doing):
                if name in self.doing:
                    self._finish(*self.doing[name])
        assert not self.doing
        assert all(signal.state.final for signal in self.disk.values())
        for name, signal in self.disk.items():
            took = [one for one in self.requests if one.signal_id == name and one.effect]
            # An operator's word stands, whatever became of requests before it.
            known = signal.state in (SignalState.ACCEPTED, SignalState.UNKNOWN)
            if signal.channel is Channel.WEBHOOK:
                assert signal.state is not SignalState.UNKNOWN
            else:
                assert not took or known or name in self.discarded
            if signal.state is SignalState.ACCEPTED:
                assert took

    # -- the worker ----------------------------------------------------------------------------------------

    def _finish(self, delivery: Delivery, action: on.Action | None) -> None:
        name = delivery.signal.signal_id
        if name in self.on_wire:
            request = self.on_wire.pop(name)
            request.effect, request.answer = True, Answer(Outcome.ACCEPTED, 202, "")
            self._then(delivery, delivery.handle(self._answered(delivery, request.answer)))
            return
        match action:
            case on.Queue():
                self._turn(delivery, hold=False)
            case on.Ask():
                self._then(delivery, delivery.handle(on.Ready(self.now)))
            case on.Write():
                self._write(delivery, action, works=True)
            case on.Send():
                self._send(delivery, effect=False)
            case on.Rest():
                self.now = max(self.now, action.until)
                self._then(delivery, delivery.handle(on.Rested(self.now)))
            case on.Settle():
                self._settle(delivery, action)

    def _step(self, delivery: Delivery, action: on.Action | None, data: st.DataObject) -> None:
        if delivery.signal.signal_id in self.on_wire:
            self._hear(delivery, data)
            return
        match action:
            case on.Queue():
                self._turn(delivery, hold=data.draw(st.booleans()))
            case on.Ask() if data.draw(st.integers(0, 3)):
                self._then(delivery, delivery.handle(on.Ready(self.now)))
            case on.Ask():  # no token, no endpoint, or the breaker is open
                outcome, pause = data.draw(st.sampled_from(BEFORE_THE_WIRE)), data.draw(pauses)
                answer = self._answered(delivery, Answer(outcome, None, "", pause))
                self._then(delivery, delivery.handle(answer))
            case on.Write():
                self._write(delivery, action, works=data.draw(st.integers(0, 3)) > 0)
            case on.Send():
                self._send(delivery, effect=data.draw(st.booleans()))
            case on.Rest():
                early = data.draw(st.booleans())
                self.now = self.now if early else max(self.now, action.until)
                rested = on.Woken(self.now) if early else on.Rested(self.now)
                self._then(delivery, delivery.handle(rested))
            case on.Settle():
                self._settle(delivery, action)

    def _turn(self, delivery: Delivery, *, hold: bool) -> None:
        if hold and delivery.marked:
            self._then(delivery, delivery.handle(on.Held()))
        elif self.queues[_contact(delivery.signal)].first is delivery:
            self._then(delivery, delivery.handle(on.Turn(self.now)))

    def _hear(self, delivery: Delivery, data: st.DataObject) -> None:
        """An answer, a timeout, a reset, or no connection; after 401 the client may ask to send again."""
        request = self.on_wire.pop(delivery.signal.signal_id)
        outcome = data.draw(st.sampled_from(Outcome))
        status = data.draw(st.sampled_from([None, 500, 421]))
        if outcome not in MAYBE:
            request.effect = outcome is Outcome.ACCEPTED
        request.answer = Answer(outcome, status, "", data.draw(pauses))
        again = outcome is Outcome.UNAUTHORIZED and data.draw(st.booleans())
        event = on.Ready(self.now) if again else self._answered(delivery, request.answer)
        self._then(delivery, delivery.handle(event))

    def _answered(self, delivery: Delivery, answer: Answer) -> on.Answered:
        return on.Answered(answer, self.now, self._policy(delivery.signal), 0.5)

    def _policy(self, signal: Signal) -> Policy:
        aside = {Channel.WEBHOOK: AT_LEAST_ONCE, Channel.TRANSCRIPT: AT_MOST_ONCE}
        return aside.get(signal.channel, self.policy)

    def _record_aside(self, contact: str, call: str, channel: Channel) -> None:
        for known in self.disk.values():
            if known.channel is channel and (channel is Channel.WEBHOOK or known.contact_id == contact):
                return  # one webhook will do; one transcript of a contact: the database's unique index
        name = f"s{len(self.disk)}"
        until = self.now + 120
        ids = (name, call, "acme", "care", contact)
        entry = Signal(*ids, Moment.HANDOFF, {}, self.now, until, channel=channel)
        self.disk[name] = entry
        self._take(Delivery(entry), None)

    def _take(self, delivery: Delivery, action: on.Action | None) -> None:
        self.queues.setdefault(_contact(delivery.signal), ContactQueue()).add(delivery)
        self._then(delivery, action or on.Queue())

    def _then(self, delivery: Delivery, action: on.Action | None) -> None:
        """Remember what a delivery wants next; one that is over and wants nothing leaves its queue."""
        if action is None and delivery.phase is Phase.OVER:
            self._gone(delivery)
        else:
            self.doing[delivery.signal.signal_id] = delivery, action

    def _gone(self, delivery: Delivery) -> None:
        self.queues[_contact(delivery.signal)].remove(delivery)
        del self.doing[delivery.signal.signal_id]

    def _to_disk(self, name: str, state: SignalState, attempt: Attempt | None) -> bool:
        signal = self.disk[name]
        if signal.state.final:
            return False
        attempts = signal.attempts if attempt is None else (*signal.attempts, attempt)
        if attempt is not None:
            for request in self.requests:
                request.on_disk |= request.signal_id == name
        self.disk[name] = replace(signal, state=state, attempts=attempts)
        return True

    def _write(self, delivery: Delivery, action: on.Action, *, works: bool) -> None:
        assert isinstance(action, on.Write)
        if not works:
            event: on.Event = on.NotWritten(self.now, "disk full", 1.0)
        elif self._to_disk(delivery.signal.signal_id, action.state, action.attempt):
            event = on.Written(self.now)
        else:
            event = on.SettledElsewhere()
        self._then(delivery, delivery.handle(event))

    def _settle(self, delivery: Delivery, action: on.Action) -> None:
        assert isinstance(action, on.Settle)
        self._to_disk(delivery.signal.signal_id, action.state, action.attempt)
        self._gone(delivery)

    def _send(self, delivery: Delivery, *, effect: bool) -> None:
        name, queue = delivery.signal.signal_id, self.queues[_contact(delivery.signal)]
        assert queue.first is delivery
        order = list(self.disk)
        for earlier in self.requests:
            other = self.disk[earlier.signal_id]
            if _contact(other) == _contact(delivery.signal):
                assert order.index(earlier.signal_id) <= order.index(name)
            if earlier.signal_id == name:
                self._may_be_repeated(earlier)
        request = Request(name, effect)
        self.requests.append(request)
        self.on_wire[name] = request
        self.doing[name] = delivery, None

    def _may_be_repeated(self, earlier: Request) -> None:
        policy = self._policy(self.disk[earlier.signal_id])
        if earlier.answer is None:  # the process died before it knew
            assert policy.repeat_unknown
            return
        assert policy.leaves_to_repeat(earlier.answer) or (
            policy.repeat_unknown and earlier.answer.outcome is Outcome.ACCEPTED
        )

    def _forget_answers(self, name: str) -> None:
        """What the dead process was told and had not written down yet, nobody knows."""
        for request in self.requests:
            if request.signal_id == name and not request.on_disk:
                request.answer = None

    def _start_anew(self) -> None:
        self.doing.clear()
        self.on_wire.clear()
        self.queues.clear()
        for signal in self.disk.values():
            if not signal.state.final:
                delivery = Delivery(signal)
                self._take(delivery, delivery.handle(on.ProcessStarted(self.now, self._policy(signal))))


def _contact(signal: Signal) -> str:
    """Whose entries go out one after the other."""
    return signal.contact_id if signal.channel is Channel.SIGNAL else signal.signal_id


World.TestCase.settings = settings(max_examples=400, stateful_step_count=60, deadline=None)
TestDelivery = World.TestCase


def test_an_event_that_can_t_be_is_a_mistake_of_ours() -> None:
    signal = Signal("s", "c", "acme", "care", "4711", Moment.HANDOFF, {}, 1000.0, 1120.0)
    with pytest.raises(ImpossibleEventError, match="Written in phase waiting"):
        Delivery(signal).handle(on.Written(1000.0))


def on_the_wire(channel: Channel) -> Delivery:
    signal = Signal("s", "c", "acme", "care", "4711", Moment.HANDOFF, {}, 1000.0, 1120.0, channel=channel)
    delivery = Delivery(signal)
    for event in (on.Turn(1000.0), on.Ready(1000.0), on.Written(1000.0)):
        action = delivery.handle(event)
    assert action == on.Send()
    return delivery


def test_what_is_on_the_wire_when_the_process_ends_is_left_to_the_next_one_if_that_harms_nobody() -> None:
    action = on_the_wire(Channel.WEBHOOK).handle(on.ProcessEnds(1001.0))
    assert isinstance(action, on.Write)
    assert action.state is SignalState.RECORDED
    for channel in (Channel.SIGNAL, Channel.TRANSCRIPT):
        action = on_the_wire(channel).handle(on.ProcessEnds(1001.0))
        assert isinstance(action, on.Settle)
        assert action.state is SignalState.UNKNOWN
