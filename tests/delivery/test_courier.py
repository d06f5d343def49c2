# SPDX-License-Identifier: GPL-3.0-or-later
"""The courier with a real store and a scripted CXone: order, retries, cancelling, faults, restarts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

import pytest
from structlog.testing import capture_logs

from agent.core.model.project import Project
from agent.core.moments import Moment, SignalState
from agent.core.outcomes import Answer, Outcome
from agent.core.records import Attempt, Signal
from agent.delivery.courier import SignalEvent
from agent.telemetry import logs
from tests.delivery.bench import ACCEPTED, BUSY, NOT_SENT, Bench, Scripted, configured
from tests.delivery.outbox import unsettled

MakeSignal: TypeAlias = Callable[..., Signal]


async def test_a_signal_is_sending_on_disk_before_it_leaves_and_accepted_after(
    bench: Bench, make_signal: MakeSignal
) -> None:
    signal = make_signal()
    await bench.record(signal)
    request = await bench.cxone.requests.get()
    assert (request.contact_id, request.text) == ("4711", "CARE")
    assert await bench.on_disk(signal) is SignalState.SENDING
    assert bench.courier.pending == 1
    request.answer.set_result(ACCEPTED)
    event = await bench.reached(signal, SignalState.ACCEPTED)
    assert event.outcome == "accepted"
    assert event.signal.attempts == (Attempt(1000.0, 1000.0, "accepted", 202, ""),)
    assert await bench.store.signal(signal.signal_id) == event.signal
    assert bench.courier.pending == 0


async def test_while_a_retry_is_waited_for_the_signal_is_recorded_on_disk(
    bench: Bench, make_signal: MakeSignal
) -> None:
    bench.cxone.script = [NOT_SENT, BUSY, ACCEPTED]
    signal = make_signal()
    await bench.record(signal)
    event = await bench.reached(signal, SignalState.ACCEPTED)
    assert bench.states(signal) == ["recorded", "sending", "recorded", "sending", "accepted"]
    assert [attempt.outcome for attempt in event.signal.attempts] == ["not_sent", "unavailable", "accepted"]
    assert await bench.store.signal(signal.signal_id) == event.signal


@pytest.mark.parametrize(
    ("answer", "state", "outcome"),
    [
        (Answer(Outcome.UNKNOWN_CONTACT, 404, "InvalidContactId"), SignalState.REFUSED, "unknown_contact"),
        (Answer(Outcome.BAD_REQUEST, 400, ""), SignalState.REFUSED, "bad_request"),
        (Answer(Outcome.FORBIDDEN, 403, ""), SignalState.REFUSED, "forbidden"),
        (Answer(Outcome.UNCERTAIN, None, "no answer in time"), SignalState.UNKNOWN, "unknown"),
        (Answer(Outcome.SERVER_FAULT, 502, ""), SignalState.UNKNOWN, "unknown"),
    ],
)
async def test_a_final_answer_settles_the_signal_and_nothing_more_is_sent(
    bench: Bench, make_signal: MakeSignal, answer: Answer, state: SignalState, outcome: str
) -> None:
    bench.cxone.script = [answer]
    signal = make_signal()
    await bench.record(signal)
    assert (await bench.reached(signal, state)).outcome == outcome
    assert await bench.on_disk(signal) is state
    assert len(bench.cxone.sent) == 1


async def test_one_that_is_asked_to_wait_beyond_its_time_is_not_given_up_before(
    bench: Bench, make_signal: MakeSignal
) -> None:
    bench.cxone.script = [Answer(Outcome.THROTTLED, 429, "", 99_999_999.0)]
    signal = make_signal()
    await bench.record(signal)
    await bench.reached(signal, SignalState.RECORDED)
    bench.courier.cancel("call-1")  # it rests, and can be taken back
    await bench.reached(signal, SignalState.CANCELLED)
    assert bench.states(signal)[-2:] == ["recorded", "cancelled"]


async def test_one_that_was_tried_before_says_so_to_what_bounds_repetitions(
    bench: Bench, make_signal: MakeSignal
) -> None:
    bench.cxone.script = [NOT_SENT, Answer(Outcome.UNAVAILABLE, 503, ""), ACCEPTED]
    signal = make_signal()
    await bench.record(signal)
    await bench.reached(signal, SignalState.ACCEPTED)
    assert bench.cxone.again == [False, True, True]


async def test_one_that_is_held_back_again_and_again_has_one_line_of_it_and_is_written_once(
    bench: Bench, make_signal: MakeSignal
) -> None:
    held = Answer(Outcome.BREAKER_OPEN, None, "held", 0.01)
    bench.cxone.script = [held] * 5 + [ACCEPTED]
    signal = make_signal()
    await bench.record(signal)
    event = await bench.reached(signal, SignalState.ACCEPTED)
    assert [attempt.outcome for attempt in event.signal.attempts] == ["breaker_open", "accepted"]
    assert bench.storage.calls["update_signal"] == 3  # held, sending, accepted


async def test_what_may_have_taken_effect_is_repeated_with_the_project_s_leave(
    bench: Bench, make_signal: MakeSignal
) -> None:
    bench.projects["acme-care"] = configured(repeat_unknown=True)
    bench.cxone.script = [Answer(Outcome.UNCERTAIN, None, ""), ACCEPTED]
    signal = make_signal()
    await bench.record(signal)
    await bench.reached(signal, SignalState.ACCEPTED)
    assert len(bench.cxone.sent) == 2


async def test_one_contact_has_one_request_at_a_time_in_the_order_of_moments(
    bench: Bench, make_signal: MakeSignal
) -> None:
    arrival = make_signal(moment=Moment.ARRIVAL, parameters={"p1": "Connected"})
    terminal = make_signal(parameters={"p1": "CARE"})
    await bench.record(arrival, terminal)
    first = await bench.cxone.requests.get()
    assert first.text == "Connected"
    assert bench.states(terminal) == []
    first.answer.set_result(ACCEPTED)
    second = await bench.cxone.requests.get()
    second.answer.set_result(ACCEPTED)
    await bench.reached(terminal, SignalState.ACCEPTED)
    assert [p1 for _, p1 in bench.cxone.sent] == ["Connected", "CARE"]
    assert bench.cxone.most_at_once == 1


async def test_contacts_do_not_wait_for_each_other_but_a_project_has_its_bound(
    bench: Bench, make_signal: MakeSignal
) -> None:
    bench.courier = bench.new(in_flight=3)
    signals = [make_signal(f"call-{number}", contact_id=str(number)) for number in range(8)]
    await bench.record(*signals)
    for _ in signals:
        (await bench.cxone.requests.get()).answer.set_result(ACCEPTED)
    for signal in signals:
        await bench.reached(signal, SignalState.ACCEPTED)
    assert bench.cxone.most_at_once == 3


async def test_an_arrival_that_was_tried_in_vain_gives_way_to_the_terminal_signal(
    bench: Bench, make_signal: MakeSignal
) -> None:
    bench.cxone.script = [Answer(Outcome.THROTTLED, 429, "", 60.0)]
    arrival, terminal = make_signal(moment=Moment.ARRIVAL), make_signal()
    await bench.record(arrival)
    await bench.reached(arrival, SignalState.RECORDED)
    await bench.record(terminal)
    (await bench.cxone.requests.get()).answer.set_result(ACCEPTED)
    await bench.reached(terminal, SignalState.ACCEPTED)
    assert await bench.on_disk(arrival) is SignalState.EXPIRED


async def test_when_the_caller_hangs_up_only_what_is_not_on_the_wire_is_cancelled(
    bench: Bench, make_signal: MakeSignal
) -> None:
    arrival, terminal = make_signal(moment=Moment.ARRIVAL), make_signal()
    other = make_signal("call-2", contact_id="4712")
    await bench.record(arrival, terminal, other)
    requests = [await bench.cxone.requests.get(), await bench.cxone.requests.get()]
    bench.courier.cancel("call-1")
    await bench.reached(terminal, SignalState.CANCELLED)
    for request in requests:
        request.answer.set_result(ACCEPTED)
    await bench.reached(arrival, SignalState.ACCEPTED)
    await bench.reached(other, SignalState.ACCEPTED)
    assert await bench.on_disk(terminal) is SignalState.CANCELLED
    assert len(bench.cxone.sent) == 2


@pytest.mark.parametrize("state", [SignalState.RECORDED, SignalState.SENDING])
async def test_one_begun_and_cancelled_in_the_same_step_never_leaves(
    bench: Bench, make_signal: MakeSignal, state: SignalState
) -> None:
    signal = replace(make_signal(), state=state)
    assert await bench.store.record_signal(signal)
    bench.courier.begin(signal)
    bench.courier.cancel("call-1")  # as a call does whose caller hung up while the signal was recorded
    await bench.reached(signal, SignalState.CANCELLED)
    assert bench.cxone.sent == []


async def test_a_signal_that_rests_is_cancelled_at_once(bench: Bench, make_signal: MakeSignal) -> None:
    bench.cxone.script = [Answer(Outcome.THROTTLED, 429, "", 60.0)]
    signal = make_signal()
    await bench.record(signal)
    await bench.reached(signal, SignalState.RECORDED)
    bench.courier.cancel("call-1")
    await bench.reached(signal, SignalState.CANCELLED)
    assert await bench.on_disk(signal) is SignalState.CANCELLED


async def test_one_that_waits_for_a_token_is_cancelled_and_no_byte_leaves(
    bench: Bench, make_signal: MakeSignal
) -> None:
    asked, token = asyncio.Event(), asyncio.Event()

    async def log_in() -> None:
        asked.set()
        await token.wait()

    bench.cxone.before = log_in
    signal = make_signal()
    await bench.record(signal)
    await asked.wait()
    bench.courier.cancel("call-1")
    token.set()
    await bench.reached(signal, SignalState.CANCELLED)
    assert bench.cxone.sent == []


async def test_one_on_the_wire_is_not_tried_again_after_the_caller_hung_up(
    bench: Bench, make_signal: MakeSignal
) -> None:
    signal = make_signal()
    await bench.record(signal)
    request = await bench.cxone.requests.get()
    bench.courier.cancel("call-1")
    request.answer.set_result(BUSY)
    await bench.reached(signal, SignalState.CANCELLED)
    assert len(bench.cxone.sent) == 1


async def test_one_that_its_contact_can_t_use_any_more_expires_unsent(
    bench: Bench, make_signal: MakeSignal
) -> None:
    signal = make_signal(expires=999.0)
    await bench.record(signal)
    await bench.reached(signal, SignalState.EXPIRED)
    assert bench.cxone.sent == []


async def test_one_that_an_operator_discarded_is_not_sent(bench: Bench, make_signal: MakeSignal) -> None:
    discarded, other = make_signal(), make_signal("call-2")
    await bench.store.record_signal(discarded)
    await bench.store.discard_signal(discarded.signal_id, Attempt(1000.0, 1000.0, "discarded_by_operator"))
    bench.courier.begin(discarded)
    await bench.record(other)
    (await bench.cxone.requests.get()).answer.set_result(ACCEPTED)
    await bench.reached(other, SignalState.ACCEPTED)
    assert len(bench.cxone.sent) == 1
    assert bench.courier.pending == 0


async def test_a_project_that_a_reload_took_away_is_not_signalled(
    bench: Bench, make_signal: MakeSignal
) -> None:
    bench.projects.clear()
    signal = make_signal()
    await bench.record(signal)
    assert (await bench.reached(signal, SignalState.REFUSED)).outcome == "forbidden"


async def test_a_mistake_of_a_listener_or_of_the_client_stops_nothing(
    bench: Bench, make_signal: MakeSignal
) -> None:
    class Broken(Scripted):
        async def signal(self, *_: object, **__: object) -> Answer:
            raise RuntimeError("odd")

    signal = make_signal(expires=1000.01)

    def listen(event: SignalEvent) -> None:
        bench.take(event)
        bench.now = signal.expires  # it waits for that: there is time for one try
        raise RuntimeError("odd")

    bench.courier = bench.new(cxone=Broken(), on_event=listen)
    with capture_logs() as said:
        await bench.record(signal)
        event = await bench.reached(signal, SignalState.EXPIRED)
    assert [attempt.outcome for attempt in event.signal.attempts] == ["not_sent"]
    assert {line["event"] for line in said} >= {"sending broke", "signal settled"}
    assert {(line["call_id"], line["project"]) for line in said} == {("call-1", "acme-care")}


async def test_whoever_sends_a_signal_knows_whose_it_is_for_its_log(
    bench: Bench, make_signal: MakeSignal
) -> None:
    """Two contacts at once, and one that waits behind another of its contact."""
    asked: dict[str, dict[str, str]] = {}

    class Asking(Scripted):
        async def signal(self, project: Project, contact_id: str, *_: object, **__: object) -> Answer:
            facts = logs.call_facts()
            assert facts["project"] == project.project
            asked[facts["call_id"]] = {"contact": contact_id, **facts}
            return ACCEPTED

    signals = [
        make_signal(f"call-{number}", contact_id=contact) for number, contact in enumerate(("1", "2", "1"))
    ]
    bench.courier = bench.new(cxone=Asking())
    for signal in signals:
        await bench.record(signal)
    for signal in signals:
        await bench.reached(signal, SignalState.ACCEPTED)
    assert asked == {
        signal.call_id: {
            "contact": signal.contact_id,
            "call_id": signal.call_id,
            "project": "acme-care",
        }
        for signal in signals
    }
    assert logs.call_facts() == {}


async def test_a_new_process_sends_what_was_recorded_and_does_not_repeat_what_was_sending(
    bench: Bench, make_signal: MakeSignal
) -> None:
    recorded, sending = make_signal("call-1"), make_signal("call-2", contact_id="4712")
    late = make_signal("call-3", contact_id="4713", expires=999.0)
    for signal in (recorded, sending, late):
        await bench.store.record_signal(signal)
    await bench.store.update_signal(sending.signal_id, SignalState.SENDING, None)
    bench.cxone.script = [ACCEPTED]
    bench.courier.take_up(await unsettled(bench.store))
    await bench.reached(recorded, SignalState.ACCEPTED)
    await bench.reached(sending, SignalState.UNKNOWN)
    await bench.reached(late, SignalState.EXPIRED)
    assert await unsettled(bench.store) == ()
    assert bench.cxone.sent == [("4711", "CARE")]
    kept = await bench.store.signal(sending.signal_id)
    assert kept is not None
    assert [attempt.outcome for attempt in kept.attempts] == ["uncertain"]


async def test_with_the_project_s_leave_what_was_sending_is_repeated_after_a_restart(
    bench: Bench, make_signal: MakeSignal
) -> None:
    bench.projects["acme-care"] = configured(repeat_unknown=True)
    signal, late = make_signal(), make_signal("call-2", contact_id="4712", expires=999.0)
    for each in (signal, late):
        await bench.store.record_signal(each)
        await bench.store.update_signal(each.signal_id, SignalState.SENDING, None)
    bench.cxone.script = [ACCEPTED]
    bench.courier.take_up(await unsettled(bench.store))
    await bench.reached(signal, SignalState.ACCEPTED)
    await bench.reached(late, SignalState.UNKNOWN)  # it may have taken effect: not merely expired


async def test_closing_leaves_what_waits_to_the_next_process_and_owns_up_to_what_is_on_the_wire(
    bench: Bench, make_signal: MakeSignal
) -> None:
    rests, on_wire = make_signal("call-1"), make_signal("call-2", contact_id="4712")
    bench.cxone.script = [Answer(Outcome.THROTTLED, 429, "", 60.0)]
    await bench.record(rests)
    await bench.reached(rests, SignalState.RECORDED)
    await bench.record(on_wire)
    await bench.cxone.requests.get()
    await bench.courier.aclose(0)
    assert await bench.on_disk(rests) is SignalState.RECORDED
    assert await bench.on_disk(on_wire) is SignalState.UNKNOWN
    after = make_signal("call-3", contact_id="4713")
    await bench.record(after)
    assert await bench.on_disk(after) is SignalState.RECORDED


async def test_closing_waits_for_answers_that_come_in_time(bench: Bench, make_signal: MakeSignal) -> None:
    signal = make_signal()
    await bench.record(signal)
    request = await bench.cxone.requests.get()
    closing = asyncio.ensure_future(bench.courier.aclose(30))
    await asyncio.sleep(0)
    request.answer.set_result(ACCEPTED)
    await closing
    assert await bench.on_disk(signal) is SignalState.ACCEPTED


async def test_an_answer_that_can_t_be_recorded_is_told_kept_and_written_when_the_storage_heals(
    bench: Bench, make_signal: MakeSignal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.delivery.sending.STORAGE_RETRY", 0.01)
    signal = make_signal()
    await bench.record(signal)
    request = await bench.cxone.requests.get()
    bench.storage.faulty = True
    request.answer.set_result(ACCEPTED)
    await bench.reached(signal, SignalState.ACCEPTED)
    assert await bench.on_disk(signal) is SignalState.SENDING  # nobody would send that again
    bench.courier.begin(replace(signal, signal_id="other"))  # others wait for the storage, unsent
    bench.storage.refused.clear()
    await bench.storage.refused.wait()
    assert len(bench.cxone.sent) == 1
    bench.storage.faulty = False
    await bench.storage.accepted.wait()
    assert await bench.on_disk(signal) is SignalState.ACCEPTED
    await bench.courier.aclose(0)
    assert len(bench.cxone.sent) == 1


async def test_no_byte_leaves_while_sending_can_t_be_recorded(
    bench: Bench, make_signal: MakeSignal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.delivery.sending.STORAGE_RETRY", 0.01)
    bench.storage.faulty = True
    signal = make_signal()
    await bench.record(signal)
    await bench.storage.refused.wait()
    assert bench.cxone.sent == []
    bench.storage.faulty = False
    bench.cxone.script = [ACCEPTED]
    event = await bench.reached(signal, SignalState.ACCEPTED)
    assert [attempt.outcome for attempt in event.signal.attempts] == ["accepted"]


async def test_of_two_of_a_contact_that_are_recorded_side_by_side_only_one_is_recorded_as_sending(
    bench: Bench,
) -> None:
    bench.cxone.warm = True
    states = [bench.courier.opening_state(configured(), contact) for contact in ("4711", "4711", "4712")]
    assert states == [SignalState.SENDING, SignalState.RECORDED, SignalState.SENDING]
    bench.now += 10  # its record failed: it was never begun
    assert bench.courier.opening_state(configured(), "4711") is SignalState.SENDING


async def test_a_signal_whose_request_can_leave_at_once_is_recorded_as_sending_and_leaves_without_a_write(
    bench: Bench, make_signal: MakeSignal
) -> None:
    bench.cxone.warm = True
    state = bench.courier.opening_state(configured(), "4711")
    assert state is SignalState.SENDING
    signal = make_signal(state=state)
    await bench.store.record_signal(signal)
    bench.storage.faulty = True  # any write before the request would be refused
    bench.courier.begin(signal)
    request = await bench.cxone.requests.get()
    assert bench.states(signal) == ["sending"]
    # The next of the contact is behind the one on the wire.
    assert bench.courier.opening_state(configured(), "4711") is SignalState.RECORDED
    assert bench.courier.opening_state(configured(), "4712") is SignalState.SENDING
    bench.storage.faulty = False
    request.answer.set_result(ACCEPTED)
    await bench.reached(signal, SignalState.ACCEPTED)
    assert bench.states(signal) == ["sending", "accepted"]


async def test_one_recorded_as_sending_that_must_wait_after_all_is_recorded_before_it_waits(
    bench: Bench, make_signal: MakeSignal
) -> None:
    bench.cxone.warm = True
    first, behind = make_signal(state=SignalState.SENDING), make_signal("call-2", state=SignalState.SENDING)
    await bench.record(first, behind)  # both contacts are the same one
    request = await bench.cxone.requests.get()
    await bench.reached(behind, SignalState.RECORDED)
    assert await bench.on_disk(behind) is SignalState.RECORDED
    request.answer.set_result(ACCEPTED)
    (await bench.cxone.requests.get()).answer.set_result(ACCEPTED)
    await bench.reached(behind, SignalState.ACCEPTED)
    assert bench.states(behind) == ["recorded", "sending", "accepted"]


async def test_one_recorded_as_sending_while_the_token_was_lost_is_recorded_before_a_log_in_is_waited_for(
    bench: Bench, make_signal: MakeSignal
) -> None:
    asked, token = asyncio.Event(), asyncio.Event()

    async def log_in() -> None:
        asked.set()
        await token.wait()

    bench.cxone.before = log_in
    signal = make_signal(state=SignalState.SENDING)
    await bench.record(signal)
    await asked.wait()
    assert await bench.on_disk(signal) is SignalState.RECORDED
    token.set()
    (await bench.cxone.requests.get()).answer.set_result(ACCEPTED)
    await bench.reached(signal, SignalState.ACCEPTED)
    assert bench.states(signal) == ["recorded", "sending", "accepted"]


async def test_one_recorded_as_sending_that_could_not_connect_is_recorded_while_it_rests(
    bench: Bench, make_signal: MakeSignal
) -> None:
    bench.cxone.warm = True
    bench.cxone.script = [NOT_SENT, ACCEPTED]
    signal = make_signal(state=SignalState.SENDING)
    await bench.record(signal)
    event = await bench.reached(signal, SignalState.ACCEPTED)
    assert bench.states(signal) == ["recorded", "sending", "accepted"]
    assert [attempt.outcome for attempt in event.signal.attempts] == ["not_sent", "accepted"]


async def test_one_recorded_as_sending_while_the_courier_closes_is_left_to_the_next_process(
    bench: Bench, make_signal: MakeSignal
) -> None:
    signal = make_signal(state=SignalState.SENDING)
    await bench.store.record_signal(signal)
    closing = asyncio.ensure_future(bench.courier.aclose(1))
    await asyncio.sleep(0)
    bench.courier.begin(signal)
    await bench.reached(signal, SignalState.RECORDED)
    await closing
    assert bench.courier.opening_state(configured(), "4711") is SignalState.RECORDED
    assert bench.cxone.sent == []
