# SPDX-License-Identifier: GPL-3.0-or-later
"""Webhooks and transcripts in every store: recorded with the handoff, once per contact, no signals."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeAlias

import pytest

from agent.core.moments import Moment, SignalState
from agent.core.records import Attempt, CallRecord, Channel, Handoff, Signal, Way
from agent.delivery.queries import CallQuery, SignalQuery
from agent.delivery.store import Store
from agent.delivery.stores import open_store
from tests.delivery.outbox import unsettled

MakeCall: TypeAlias = Callable[..., CallRecord]
MakeSignal: TypeAlias = Callable[..., Signal]
MakeHandoff: TypeAlias = Callable[..., Handoff]


@pytest.fixture
def store(each_store: Store) -> Store:
    """A store of each kind."""
    return each_store


@pytest.fixture
def make_webhook(make_signal: MakeSignal) -> MakeSignal:
    def make(call_id: str = "call-1", **changes: object) -> Signal:
        body = {"body": '{"event": "handoff", "data": "\\ud800 \\u0000"}'}
        fields = {"channel": Channel.WEBHOOK, "parameters": body, "expires": 87_400.0}
        return make_signal(call_id, Moment.HANDOFF, **(fields | changes))

    return make


@pytest.fixture
def make_transcript(make_signal: MakeSignal) -> MakeSignal:
    def make(call_id: str = "call-1", **changes: object) -> Signal:
        body = {"body": '{"contactId": "4710"}'}
        fields = {"channel": Channel.TRANSCRIPT, "contact_id": "4710", "parameters": body}
        return make_signal(call_id, Moment.COMPLETED, **(fields | changes))

    return make


@pytest.mark.parametrize("signalled", [True, False])
@pytest.mark.parametrize("hooked", [True, False])
async def test_a_handoff_its_signal_and_its_webhook_stand_or_fall_together(
    store: Store,
    *,
    make_signal: MakeSignal,
    make_webhook: MakeSignal,
    make_handoff: MakeHandoff,
    signalled: bool,
    hooked: bool,
) -> None:
    signal, webhook = make_signal() if signalled else None, make_webhook() if hooked else None
    expected = tuple(entry for entry in (signal, webhook) if entry is not None)
    handoff = make_handoff(way=Way.REFER, target="sip:queue@10.0.0.9")
    assert await store.record_handoff(handoff, signal, webhook)
    assert await store.handoff("handoff-1") == handoff
    assert await unsettled(store) == expected

    late = make_handoff("handoff-2")
    assert not await store.record_handoff(late, make_signal(), make_webhook())
    assert not await store.record_handoff(late, None, make_webhook())
    assert await unsettled(store) == expected
    assert await store.handoff("handoff-2") is None


async def test_of_many_handoffs_at_once_one_stands_with_its_own_webhook(
    store: Store, make_signal: MakeSignal, make_webhook: MakeSignal, make_handoff: MakeHandoff
) -> None:
    hooks = [make_webhook() for _ in range(20)]
    done = await asyncio.gather(
        *(
            store.record_handoff(make_handoff(f"handoff-{n}"), make_signal() if n % 2 else None, hook)
            for n, hook in enumerate(hooks)
        ),
        return_exceptions=True,  # PostgreSQL breaks one that comes in between
    )
    assert done.count(True) == 1
    assert await store.signals(SignalQuery(channel=Channel.WEBHOOK)) == (hooks[done.index(True)],)


async def test_no_handoff_and_no_webhook_after_a_terminal_signal(
    store: Store, make_signal: MakeSignal, make_webhook: MakeSignal, make_handoff: MakeHandoff
) -> None:
    await store.record_signal(make_signal(moment=Moment.COMPLETED))
    assert not await store.record_handoff(make_handoff(), make_signal(), make_webhook())
    assert not await store.record_handoff(make_handoff(), None, make_webhook())
    assert await store.signals(SignalQuery(channel=Channel.WEBHOOK)) == ()


async def test_a_webhook_or_a_transcript_is_no_terminal_signal_of_its_call(
    store: Store,
    make_signal: MakeSignal,
    make_webhook: MakeSignal,
    make_transcript: MakeSignal,
    make_handoff: MakeHandoff,
) -> None:
    assert await store.record_signal(make_transcript()) is not None
    assert await store.record_signal(make_signal(moment=Moment.ARRIVAL)) is not None
    assert await store.record_handoff(make_handoff(), make_signal(), make_webhook())

    assert await store.record_handoff(make_handoff("handoff-2", "call-2"), None, make_webhook("call-2"))
    assert await store.record_signal(make_signal("call-2", Moment.FAILED)) is not None


async def test_a_master_contact_has_one_transcript_whatever_became_of_it(
    store: Store, make_transcript: MakeSignal
) -> None:
    first = make_transcript()
    assert await store.record_signal(first) == first
    again = [make_transcript(f"call-{number}") for number in range(10)]
    assert await asyncio.gather(*map(store.record_signal, again)) == [None] * 10
    await store.update_signal(first.signal_id, SignalState.REFUSED, Attempt(1.0, 2.0, "forbidden", 403))
    assert await store.record_signal(make_transcript("call-3")) is None
    for other in (make_transcript("call-2", contact_id="4720"), make_transcript(project="acme-sales")):
        assert await store.record_signal(other) == other
    assert len(await store.signals(SignalQuery(channel=Channel.TRANSCRIPT))) == 3


async def test_they_are_found_only_by_who_asks_for_them(
    store: Store,
    *,
    make_call: MakeCall,
    make_signal: MakeSignal,
    make_webhook: MakeSignal,
    make_transcript: MakeSignal,
    make_handoff: MakeHandoff,
) -> None:
    await store.open_call(make_call(), None)
    signal, webhook, transcript = make_signal(), make_webhook(), make_transcript(recorded=1001.0)
    await store.record_handoff(make_handoff(), signal, webhook)
    await store.record_signal(transcript)
    for filters in ({}, {"call_id": "call-1"}, {"contact_id": "4711"}, {"state": SignalState.RECORDED}):
        for channel, expected in (
            ({}, (signal,)),
            ({"channel": Channel.WEBHOOK}, (webhook,)),
            ({"channel": Channel.TRANSCRIPT}, (transcript,)),
            ({"channel": None}, (transcript, webhook, signal)),
        ):
            assert await store.signals(SignalQuery(**filters, **channel)) == expected, (filters, channel)
    assert await store.signals(SignalQuery(call_id="call-2", channel=None)) == ()
    assert await store.signal(webhook.signal_id) == webhook


async def test_what_an_earlier_process_left_of_them_is_taken_over(
    storage: str, make_webhook: MakeSignal, make_transcript: MakeSignal, make_handoff: MakeHandoff
) -> None:
    first = await open_store(storage, node="edge-1")
    webhook, transcript = make_webhook(), make_transcript(state=SignalState.SENDING)
    await first.record_handoff(make_handoff(), None, webhook)
    await first.record_signal(transcript)
    await first.aclose()
    second = await open_store(storage, node="edge-1")
    orphans = await second.take_over()
    assert orphans.signals == (webhook, transcript)
    assert await second.update_signal(webhook.signal_id, SignalState.SENDING, None)
    await second.aclose()


async def test_a_call_stays_until_its_webhook_is_settled_and_takes_all_along_when_it_goes(
    store: Store,
    make_call: MakeCall,
    make_webhook: MakeSignal,
    make_transcript: MakeSignal,
    make_handoff: MakeHandoff,
) -> None:
    for number in (1, 2):
        await store.open_call(make_call(f"call-{number}", ended=100.0), None)
    webhook, transcript = make_webhook(), make_transcript()
    await store.record_handoff(make_handoff(), None, webhook)
    await store.record_signal(transcript)
    assert await store.forget(before=200.0, keep=100) == 1
    assert [call.call_id for call in await store.calls(CallQuery())] == ["call-1"]
    for entry in (webhook, transcript):
        await store.update_signal(entry.signal_id, SignalState.ACCEPTED, Attempt(1.0, 2.0, "accepted", 200))
    assert await store.forget(before=200.0, keep=100) == 1
    assert await store.signals(SignalQuery(channel=None)) == ()
    assert await store.signal(webhook.signal_id) is None
