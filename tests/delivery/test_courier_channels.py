# SPDX-License-Identifier: GPL-3.0-or-later
"""Webhooks and transcripts in the courier: in streams of their own, through hang-ups, stops and kills."""

from __future__ import annotations

import json
from itertools import count

import pytest

from agent.core.moments import Moment, SignalState
from agent.core.outcomes import Answer, Outcome
from agent.core.records import Channel
from agent.delivery.courier import ASIDE_IN_FLIGHT
from agent.delivery.sqlite import SqliteStore
from agent.names.names import Names
from agent.web.session import new_session_apart
from agent.webhooks.poster import Webhooks
from tests.delivery.bench import BUSY, Bench, configured
from tests.delivery.outbox import unsettled
from tests.delivery.receiver import Receiver

TAKEN = Answer(Outcome.ACCEPTED, 200, "")
SILENT = Answer(Outcome.UNCERTAIN, None, "no answer in time")


@pytest.fixture
def bench(bench: Bench) -> Bench:
    """Signals can leave at once, and may be repeated."""
    bench.cxone.warm = True
    for name in bench.projects:
        bench.projects[name] = configured(name, repeat_unknown=True)
    return bench


@pytest.mark.parametrize("channel", [Channel.WEBHOOK, Channel.TRANSCRIPT])
async def test_what_hangs_aside_holds_up_no_signal_of_its_contact_and_no_other_project(
    bench: Bench, channel: Channel
) -> None:
    hanging = bench.webhooks if channel is Channel.WEBHOOK else bench.transcripts
    for _ in range(ASIDE_IN_FLIGHT + 3):
        await bench.begun(channel)
    for _ in range(ASIDE_IN_FLIGHT):
        await hanging.requests.get()

    assert bench.courier.opening_state(bench.projects["acme-care"], "4711") is SignalState.SENDING
    signal = await bench.begun(Channel.SIGNAL, state=SignalState.SENDING)
    request = await bench.cxone.requests.get()  # it left, and not one that hangs was answered
    request.answer.set_result(TAKEN)
    await bench.reached(signal, SignalState.ACCEPTED)

    other = await bench.begun(channel, "acme-sales")
    post = await hanging.requests.get()
    assert post.project == "acme-sales"
    post.answer.set_result(TAKEN)
    await bench.reached(other, SignalState.ACCEPTED)
    assert hanging.most_at_once == ASIDE_IN_FLIGHT + 1
    assert not any(
        event.signal.state.final
        for event in bench.events
        if event.signal.project == "acme-care" and event.signal.channel is channel
    )


async def test_a_transcript_does_not_wait_for_webhooks_nor_a_webhook_for_signals(bench: Bench) -> None:
    await bench.begun(Channel.SIGNAL, state=SignalState.SENDING)
    await bench.cxone.requests.get()
    for _ in range(ASIDE_IN_FLIGHT):
        await bench.begun(Channel.WEBHOOK)
        await bench.webhooks.requests.get()
    await bench.begun(Channel.TRANSCRIPT)
    await bench.transcripts.requests.get()


async def test_one_that_waits_gets_the_place_of_one_that_is_over(bench: Bench) -> None:
    entries = [await bench.begun(Channel.WEBHOOK) for _ in range(ASIDE_IN_FLIGHT + 1)]
    first = await bench.webhooks.requests.get()
    first.answer.set_result(TAKEN)
    for _ in range(ASIDE_IN_FLIGHT):
        post = await bench.webhooks.requests.get()
        post.answer.set_result(TAKEN)
    for entry in entries:
        await bench.reached(entry, SignalState.ACCEPTED)
    assert bench.webhooks.most_at_once == ASIDE_IN_FLIGHT


async def test_pending_counts_signals_and_each_channel_its_own(bench: Bench) -> None:
    assert bench.courier.pending_by_channel == {"signal": 0, "webhook": 0, "transcript": 0}
    for channel in (Channel.SIGNAL, Channel.WEBHOOK, Channel.WEBHOOK, Channel.TRANSCRIPT):
        last = await bench.begun(channel)
    assert bench.courier.pending == 1
    assert bench.courier.pending_by_channel == {"signal": 1, "webhook": 2, "transcript": 1}
    (await bench.transcripts.requests.get()).answer.set_result(TAKEN)
    await bench.reached(last, SignalState.ACCEPTED)
    assert bench.courier.pending_by_channel == {"signal": 1, "webhook": 2, "transcript": 0}


async def test_a_webhook_is_repeated_after_whatever_may_pass_and_a_transcript_is_not(bench: Bench) -> None:
    bench.webhooks.script = [BUSY, SILENT, Answer(Outcome.SERVER_FAULT, 500, "HTTP 500"), TAKEN]
    webhook = await bench.begun(Channel.WEBHOOK)
    event = await bench.reached(webhook, SignalState.ACCEPTED)
    tried = [attempt.outcome for attempt in event.signal.attempts]
    assert tried == ["unavailable", "uncertain", "server_fault", "accepted"]

    bench.transcripts.script = [BUSY, SILENT]
    transcript = await bench.begun(Channel.TRANSCRIPT)  # the project's leave to repeat is for signals
    event = await bench.reached(transcript, SignalState.UNKNOWN)
    assert [attempt.outcome for attempt in event.signal.attempts] == ["unavailable", "uncertain"]


async def test_a_hang_up_leaves_webhooks_and_transcripts_alone(bench: Bench) -> None:
    signal = await bench.begun(Channel.SIGNAL, call_id="call-x")
    await bench.cxone.requests.get()
    waiting = await bench.begun(Channel.SIGNAL, call_id="call-x", moment=Moment.ARRIVAL)
    webhook = await bench.begun(Channel.WEBHOOK, call_id="call-x")
    transcript = await bench.begun(Channel.TRANSCRIPT, call_id="call-x")
    post = await bench.webhooks.requests.get()
    bench.courier.cancel("call-x")
    await bench.reached(waiting, SignalState.CANCELLED)
    (await bench.transcripts.requests.get()).answer.set_result(BUSY)
    (await bench.transcripts.requests.get()).answer.set_result(TAKEN)
    post.answer.set_result(SILENT)
    (await bench.webhooks.requests.get()).answer.set_result(TAKEN)
    for entry in (webhook, transcript):
        await bench.reached(entry, SignalState.ACCEPTED)
    assert await bench.on_disk(signal) is SignalState.SENDING


async def test_of_what_a_killed_process_left_on_the_wire_webhooks_are_repeated_and_transcripts_unknown(
    bench: Bench,
) -> None:
    left = {
        (channel, state): await bench.recorded(channel, state=state)
        for channel in (Channel.WEBHOOK, Channel.TRANSCRIPT)
        for state in (SignalState.RECORDED, SignalState.SENDING)
    }
    bench.webhooks.script, bench.transcripts.script = [TAKEN, TAKEN], [TAKEN]
    bench.courier.take_up(await unsettled(bench.store))
    for (channel, state), entry in left.items():
        lost = channel is Channel.TRANSCRIPT and state is SignalState.SENDING
        await bench.reached(entry, SignalState.UNKNOWN if lost else SignalState.ACCEPTED)
    repeated = await bench.store.signal(left[Channel.WEBHOOK, SignalState.SENDING].signal_id)
    assert repeated is not None
    assert [attempt.outcome for attempt in repeated.attempts] == ["uncertain", "accepted"]
    assert bench.transcripts.script == []


async def test_an_end_leaves_webhooks_to_the_next_process_and_begins_none(bench: Bench) -> None:
    entries = [await bench.begun(Channel.WEBHOOK) for _ in range(ASIDE_IN_FLIGHT + 2)]
    transcript = await bench.begun(Channel.TRANSCRIPT)
    posts = [await bench.webhooks.requests.get() for _ in range(ASIDE_IN_FLIGHT)]
    await bench.transcripts.requests.get()
    posts[0].answer.set_result(TAKEN)
    await bench.courier.aclose(2)
    states = [await bench.on_disk(entry) for entry in entries]
    assert states.count(SignalState.ACCEPTED) == 1
    assert states.count(SignalState.RECORDED) == ASIDE_IN_FLIGHT + 1
    assert await bench.on_disk(transcript) is SignalState.UNKNOWN
    assert bench.webhooks.requests.empty()

    bench.courier = bench.new()
    bench.webhooks.script = [TAKEN] * len(entries)
    bench.courier.take_up(await unsettled(bench.store))
    for entry in entries:
        await bench.reached(entry, SignalState.ACCEPTED)
    assert len(bench.webhooks.script) == 1  # one for the one that was taken before


async def test_what_is_begun_while_it_closes_stays_on_disk(bench: Bench) -> None:
    await bench.courier.aclose(0)
    entry = await bench.begun(Channel.WEBHOOK)
    assert await bench.on_disk(entry) is SignalState.RECORDED
    assert bench.webhooks.requests.empty()


async def test_beyond_those_held_in_memory_the_others_wait_on_disk_for_their_turn(bench: Bench) -> None:
    bench.courier = bench.new(held=2)
    entries = [await bench.begun(Channel.WEBHOOK) for _ in range(5)]
    signal = await bench.begun(Channel.SIGNAL)
    await bench.cxone.requests.get()  # signals are all in memory
    first, second = await bench.webhooks.requests.get(), await bench.webhooks.requests.get()
    assert bench.courier.pending_by_channel == {"signal": 1, "webhook": 5, "transcript": 0}
    assert bench.storage.asked == []

    await bench.store.update_signal(
        entries[2].signal_id, SignalState.CANCELLED, None
    )  # an operator's decision
    bench.courier.withdraw(entries[2].signal_id)
    bench.storage.refuses = lambda method, ordinal: (method, ordinal) == ("signal", 1)
    first.answer.set_result(TAKEN)
    third = await bench.webhooks.requests.get()
    twice, following = entries[2].signal_id, entries[3].signal_id
    assert bench.storage.asked == [twice, twice, following]  # the first was read once in vain
    assert json.loads(third.text)["id"] == "h-4"
    second.answer.set_result(TAKEN)
    fourth = await bench.webhooks.requests.get()
    for post in (third, fourth):
        post.answer.set_result(TAKEN)
    for entry in (entries[0], entries[1], entries[3], entries[4]):
        await bench.reached(entry, SignalState.ACCEPTED)
    assert bench.courier.pending_by_channel == {"signal": 1, "webhook": 0, "transcript": 0}
    assert await bench.on_disk(signal) is SignalState.SENDING

    late = await bench.begun(Channel.WEBHOOK)  # there is room again
    (await bench.webhooks.requests.get()).answer.set_result(TAKEN)
    await bench.reached(late, SignalState.ACCEPTED)


async def test_what_waited_on_disk_as_sending_is_taken_up_like_the_rest(bench: Bench) -> None:
    bench.courier = bench.new(held=1)
    first = await bench.begun(Channel.TRANSCRIPT)
    waiting = await bench.recorded(Channel.TRANSCRIPT, state=SignalState.SENDING)
    bench.courier.take_up([waiting])
    (await bench.transcripts.requests.get()).answer.set_result(TAKEN)
    await bench.reached(first, SignalState.ACCEPTED)
    await bench.reached(waiting, SignalState.UNKNOWN)


async def test_a_webhook_nobody_takes_expires(bench: Bench) -> None:
    bench.webhooks.script = [SILENT]
    entry = await bench.begun(Channel.WEBHOOK, expires=1000.04)
    await bench.reached(entry, SignalState.RECORDED)  # tried in vain, and no time for more
    bench.now = entry.expires
    event = await bench.reached(entry, SignalState.EXPIRED)
    assert event.outcome == "expired"


async def test_a_project_that_is_configured_no_more_refuses_what_is_left_of_it(bench: Bench) -> None:
    del bench.projects["acme-sales"]
    for channel in Channel:
        entry = await bench.begun(channel, "acme-sales")
        event = await bench.reached(entry, SignalState.REFUSED)
        assert event.outcome == "forbidden"


async def test_a_real_receiver_is_told_until_it_acknowledges_with_a_fresh_signature_each_time(
    store: SqliteStore,
) -> None:
    async with (
        Receiver(["reset", 500, "hang", (429, {"Retry-After": "0"}), 200]) as receiver,
        Names() as names,
        new_session_apart(names) as session,
    ):
        seconds = count(1_800_000_000)
        bench = Bench(store, {Channel.WEBHOOK: Webhooks(session, lambda: float(next(seconds)))})
        bench.projects["acme-care"] = configured(repeat_unknown=True, url=receiver.url)
        entry = await bench.begun(Channel.WEBHOOK)
        event = await bench.reached(entry, SignalState.ACCEPTED)
        await bench.courier.aclose(0)
    outcomes = [attempt.outcome for attempt in event.signal.attempts]
    assert outcomes == ["uncertain", "server_fault", "uncertain", "throttled", "accepted"]
    assert receiver.times == {"h-1": 5}
    assert len({headers["X-Handoff-Signature"] for headers, _ in receiver.posts}) == 5
    assert {body for _, body in receiver.posts} == {entry.parameters["body"].encode()}
