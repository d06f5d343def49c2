# SPDX-License-Identifier: GPL-3.0-or-later
"""What every store promises: what it says is durable is there; one terminal signal per call, for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

import pytest

from agent.core.errors import StorageError
from agent.core.moments import Moment, SignalState
from agent.core.records import Attempt, CallRecord, Channel, Handoff, Signal
from agent.delivery.queries import CallQuery, SignalQuery
from agent.delivery.store import NO_ORPHANS, Store
from agent.delivery.stores import open_store
from tests.delivery.outbox import unsettled

MakeCall: TypeAlias = Callable[..., CallRecord]
MakeSignal: TypeAlias = Callable[..., Signal]
MakeHandoff: TypeAlias = Callable[..., Handoff]

TERMINAL = [moment for moment in Moment if moment.terminal]


@pytest.fixture
def store(each_store: Store) -> Store:
    """A store of each kind."""
    return each_store


async def test_what_goes_in_comes_out(
    store: Store, make_call: MakeCall, make_signal: MakeSignal, make_handoff: MakeHandoff
) -> None:
    call, arrival, terminal = make_call(), make_signal(moment=Moment.ARRIVAL), make_signal(recorded=1001.0)
    handoff = make_handoff()
    await store.open_call(call, arrival)
    assert await store.record_handoff(handoff, terminal)
    assert await store.call("call-1") == call
    assert await store.signal(arrival.signal_id) == arrival
    assert await store.signals(SignalQuery(call_id="call-1")) == (terminal, arrival)
    assert await unsettled(store) == (arrival, terminal)
    assert await store.handoff("handoff-1") == handoff
    assert (await store.call("none"), await store.signal("none"), await store.handoff("none")) == (None,) * 3


async def test_a_call_is_updated_and_found_by_contact(store: Store, make_call: MakeCall) -> None:
    await store.open_call(make_call("call-1"), None)
    await store.open_call(make_call("call-2", node="edge-2", contact_id="4712"), None)
    ended = make_call("call-1", state="ended", answered=1001.0, ended=1002.0, end="caller", reason="x")
    await store.update_call(ended)
    assert await store.call("call-1") == ended
    assert [call.call_id for call in await store.calls(CallQuery())] == ["call-2", "call-1"]
    assert [call.call_id for call in await store.calls(CallQuery(contact_id="4711"))] == ["call-1"]
    assert len(await store.calls(CallQuery(limit=1))) == 1


async def test_a_call_that_is_not_there_is_not_made_by_its_update(store: Store, make_call: MakeCall) -> None:
    await store.open_call(make_call("call-2"), None)
    await store.update_call(make_call("call-1", state="bridged"))
    assert await store.calls(CallQuery()) == (make_call("call-2"),)


@pytest.mark.parametrize("first", TERMINAL)
@pytest.mark.parametrize("second", TERMINAL)
async def test_a_call_has_one_terminal_signal_for_ever(
    store: Store, make_signal: MakeSignal, make_handoff: MakeHandoff, first: Moment, second: Moment
) -> None:
    won = make_signal(moment=first)
    assert await store.record_signal(won) == won
    assert await store.record_signal(make_signal(moment=second)) is None
    await store.update_signal(won.signal_id, SignalState.CANCELLED, None)  # settled or not: it was the one
    assert await store.record_signal(make_signal(moment=second)) is None
    assert not await store.record_handoff(make_handoff(), make_signal())
    assert not await store.record_handoff(make_handoff(), None)
    assert await store.handoff("handoff-1") is None
    assert len(await store.signals(SignalQuery(call_id="call-1"))) == 1


async def test_of_many_who_ask_at_once_one_wins(store: Store, make_signal: MakeSignal) -> None:
    asked = [make_signal(moment=TERMINAL[number % 3]) for number in range(60)]
    answers = await asyncio.gather(*(store.record_signal(signal) for signal in asked))
    assert answers == [asked[0]] + [None] * 59


async def test_a_second_handoff_of_a_call_is_refused_even_without_signals(
    store: Store, make_handoff: MakeHandoff
) -> None:
    assert await store.record_handoff(make_handoff("handoff-1"), None)
    assert not await store.record_handoff(make_handoff("handoff-2"), None)


async def test_an_operation_that_breaks_a_rule_does_not_take_others_along(
    store: Store, make_call: MakeCall, make_signal: MakeSignal
) -> None:
    results = await asyncio.gather(
        store.open_call(make_call("call-1"), make_signal("call-1", Moment.ARRIVAL)),
        store.open_call(make_call("call-1"), make_signal("call-9", Moment.ARRIVAL)),  # the id is taken
        store.open_call(make_call("call-2"), None),
        store.open_call(make_call("call-3", number="\ud800"), None),  # no valid Unicode
        store.open_call(make_call("call-4"), None),
        return_exceptions=True,
    )
    assert [type(result) for result in results] == [
        type(None),
        StorageError,
        type(None),
        StorageError,
        type(None),
    ]
    assert len(str(results[1]).splitlines()) == 1
    assert [call.call_id for call in await store.calls(CallQuery())] == ["call-4", "call-2", "call-1"]
    assert await store.signals(SignalQuery(call_id="call-9")) == ()
    assert store.fault is None


async def test_a_signal_moves_until_it_is_settled_and_keeps_its_attempts(
    store: Store, make_signal: MakeSignal
) -> None:
    signal = make_signal()
    await store.record_signal(signal)
    first = Attempt(1001.0, 1002.0, "unavailable", 503, "busy")
    last = Attempt(1003.0, 1004.5, "accepted", 202)
    assert await store.update_signal(signal.signal_id, SignalState.SENDING, None)
    assert await store.update_signal(signal.signal_id, SignalState.RECORDED, first)
    assert await store.update_signal(signal.signal_id, SignalState.SENDING, None)
    assert await store.update_signal(signal.signal_id, SignalState.ACCEPTED, last)
    assert not await store.update_signal(signal.signal_id, SignalState.SENDING, None)
    assert not await store.update_signal(signal.signal_id, SignalState.UNKNOWN, last)
    assert not await store.update_signal("none", SignalState.SENDING, None)
    settled = replace(signal, state=SignalState.ACCEPTED, attempts=(first, last))
    assert await store.signal(signal.signal_id) == settled
    assert await store.signals(SignalQuery(state=SignalState.ACCEPTED)) == (settled,)
    assert await store.signals(SignalQuery(state=SignalState.RECORDED)) == ()
    assert await unsettled(store) == ()


async def test_a_handoff_is_found_by_its_id_its_call_its_contact_or_its_shared_id(
    store: Store, make_handoff: MakeHandoff
) -> None:
    old = make_handoff("handoff-1", "call-1", shared_id="shared-1")
    new = make_handoff("handoff-2", "call-2", asked=2000.0)
    other = make_handoff("handoff-3", "call-3", asked=3000.0, shared_id="4711", contact_id="4713")
    foreign = make_handoff("handoff-4", "call-4", asked=4000.0, project="acme-sales", shared_id="shared-1")
    for handoff in (old, new, other, foreign):
        await store.record_handoff(handoff, None)

    async def found(**key: str) -> str | None:
        handoff = await store.handoff_by_key("acme", "acme-care", **key)
        return None if handoff is None else handoff.handoff_id

    assert await found(handoff_id="handoff-1") == "handoff-1"
    assert await found(handoff_id="call-1") == "handoff-1"
    assert await found(handoff_id="4711") == "handoff-2"  # the newest of the contact
    assert await found(shared_id="shared-1") == "handoff-1"
    assert await found(shared_id="4711") == "handoff-3"  # said to be shared, before a contact's
    assert await found(shared_id="4713") == "handoff-3"  # the contact id works as a key
    assert await found(shared_id="none", handoff_id="handoff-1") is None  # shared_id wins
    assert await found(handoff_id="handoff-4") is None  # another project's


async def test_it_is_all_there_after_a_restart(storage: str, make_call: MakeCall) -> None:
    first = await open_store(storage, node="edge-1")
    await first.open_call(make_call(), None)
    await first.aclose()
    second = await open_store(storage, node="edge-1")
    assert await second.call("call-1") == make_call()
    await second.aclose()


@pytest.mark.parametrize("moment", Moment)
async def test_a_signal_may_be_recorded_as_on_the_wire_already(
    store: Store, make_call: MakeCall, make_signal: MakeSignal, make_handoff: MakeHandoff, moment: Moment
) -> None:
    signal = make_signal(moment=moment, state=SignalState.SENDING)
    if moment is Moment.ARRIVAL:
        await store.open_call(make_call(), signal)
    elif moment is Moment.HANDOFF:
        assert await store.record_handoff(make_handoff(), signal)
    else:
        assert await store.record_signal(signal) == signal
    assert await unsettled(store) == (signal,)
    assert not await store.discard_signal(signal.signal_id, Attempt(1.0, 1.0, "discard"))
    assert await store.update_signal(signal.signal_id, SignalState.ACCEPTED, None)


async def test_a_handoff_with_a_signal_after_one_without_leaves_nothing_behind(
    store: Store, make_signal: MakeSignal, make_handoff: MakeHandoff
) -> None:
    assert await store.record_handoff(make_handoff("handoff-1"), None)
    assert not await store.record_handoff(make_handoff("handoff-2"), make_signal())
    assert await unsettled(store) == ()


async def test_an_operator_reopens_what_was_not_accepted_and_discards_what_waits(
    store: Store, make_signal: MakeSignal
) -> None:
    signal, accepted = make_signal("call-1"), make_signal("call-2")
    for each, state in ((signal, SignalState.UNKNOWN), (accepted, SignalState.ACCEPTED)):
        await store.record_signal(each)
        await store.update_signal(each.signal_id, state, None)
    retry, discard = Attempt(5.0, 5.0, "retry"), Attempt(6.0, 6.0, "discard")
    assert await store.reopen_signal(accepted.signal_id, 9.0, retry) is None
    reopened = replace(signal, expires=9.0, attempts=(retry,))
    assert await store.reopen_signal(signal.signal_id, 9.0, retry) == reopened
    assert await store.record_signal(make_signal("call-1")) is None
    assert await store.discard_signal(signal.signal_id, discard)
    assert not await store.discard_signal(signal.signal_id, discard)
    found = await store.signal(signal.signal_id)
    assert found == replace(reopened, state=SignalState.CANCELLED, attempts=(retry, discard))


async def test_calls_and_signals_are_found_by_all_that_is_given(
    store: Store, make_call: MakeCall, make_signal: MakeSignal
) -> None:
    await store.open_call(make_call("call-1", sip_call_id="sip-1"), make_signal("call-1", Moment.ARRIVAL))
    other = make_call("call-2", sip_call_id="sip-2", project="acme-sales", contact_id="4712", began=2000.0)
    late = make_signal("call-2", Moment.ARRIVAL, project="acme-sales", contact_id="4712", recorded=2000.0)
    await store.open_call(other, late)
    for wanted in (
        {"project": "acme-sales"},
        {"contact_id": "4712"},
        {"sip_call_id": "sip-2"},
        {"since": 1500.0},
    ):
        assert await store.calls(CallQuery(**wanted)) == (other,), wanted
    for asked in (
        {"project": "acme-sales"},
        {"contact_id": "4712"},
        {"call_id": "call-2"},
        {"since": 1500.0},
    ):
        assert await store.signals(SignalQuery(**asked, moment=Moment.ARRIVAL)) == (late,), asked
    assert await store.signals(SignalQuery(state=SignalState.RECORDED, project="acme-sales")) == (late,)
    assert await store.signals(SignalQuery(contact_id="4712", moment=Moment.FAILED)) == ()


async def test_what_an_earlier_process_left_is_taken_over_once(
    storage: str, make_call: MakeCall, make_signal: MakeSignal
) -> None:
    first = await open_store(storage, node="edge-1")
    assert await first.take_over() == NO_ORPHANS
    waiting, sending = make_signal("call-1", Moment.ARRIVAL), make_signal("call-2", state=SignalState.SENDING)
    settled = make_signal("call-2", Moment.ARRIVAL)
    await first.open_call(make_call("call-1"), waiting)
    await first.open_call(make_call("call-2", ended=5.0), settled)
    await first.update_signal(settled.signal_id, SignalState.ACCEPTED, None)
    await first.record_signal(sending)
    assert await first.take_over() == NO_ORPHANS  # it is alive itself
    await first.aclose()

    second = await open_store(storage, node="edge-1")
    orphans = await second.take_over()
    assert orphans.calls == (make_call("call-1"),)
    assert orphans.signals == (waiting, sending)
    assert await second.take_over() == NO_ORPHANS
    assert await second.update_signal(waiting.signal_id, SignalState.SENDING, None)
    await second.update_call(make_call("call-1", ended=6.0))
    await second.aclose()


async def test_old_calls_go_with_all_that_is_theirs_and_never_what_is_not_settled(
    store: Store, make_call: MakeCall, make_signal: MakeSignal, make_handoff: MakeHandoff
) -> None:
    for number in range(6):
        call_id = f"call-{number}"
        arrival = make_signal(call_id, Moment.ARRIVAL)
        await store.open_call(make_call(call_id, ended=None if number == 0 else 100.0 + number), arrival)
        if number != 1:
            await store.update_signal(arrival.signal_id, SignalState.ACCEPTED, Attempt(1.0, 2.0, "accepted"))
    told = make_signal("call-2", Moment.HANDOFF, state=SignalState.SENDING)
    await store.record_handoff(make_handoff("handoff-2", "call-2"), told)
    await store.update_signal(told.signal_id, SignalState.ACCEPTED, None)

    assert await store.forget(before=50.0, keep=100) == 0
    assert await store.forget(before=103.5, keep=100) == 2  # call-2 and call-3; call-0 is up, call-1 waits
    left = [call.call_id for call in await store.calls(CallQuery())]
    assert left == ["call-5", "call-4", "call-1", "call-0"]
    assert await store.handoff("handoff-2") is None
    assert await store.signals(SignalQuery(call_id="call-2")) == ()
    assert await store.forget(before=50.0, keep=1) == 1  # call-4, for the number's sake
    assert await store.forget(before=50.0, keep=1) == 0
    assert [call.call_id for call in await store.calls(CallQuery())] == ["call-5", "call-1", "call-0"]
    assert len(await store.signals(SignalQuery())) == 3


async def test_after_closing_nothing_is_taken(storage: str, make_call: MakeCall) -> None:
    store = await open_store(storage, node="edge-1")
    begun = asyncio.gather(*(store.open_call(make_call(f"call-{n}"), None) for n in range(50)))
    await asyncio.sleep(0)
    await store.aclose()
    await store.aclose()
    await begun  # what was begun is finished
    with pytest.raises(StorageError, match="closed"):
        await store.update_call(make_call())


async def test_a_command_looks_beside_the_agent(storage: str, store: Store, make_call: MakeCall) -> None:
    await store.open_call(make_call(), None)
    command = await open_store(storage, owner=False)
    assert await command.call("call-1") == make_call()
    assert await command.take_over() == NO_ORPHANS
    await command.aclose()
    assert await store.call("call-1") == make_call()


async def test_an_older_state_never_takes_the_place_of_a_newer_one(store: Store, make_call: MakeCall) -> None:
    await store.open_call(make_call(), None)
    ended = make_call(state="ended", ended=1002.0, end="caller", reason="caller_hung_up", version=2)
    await store.update_call(ended)
    await store.update_call(make_call(state="bridged", answered=1001.0, version=1))
    assert await store.call("call-1") == ended
    await store.update_call(ended)  # once more: nobody knew that it stood
    assert await store.call("call-1") == ended


async def test_a_handoff_whose_record_failed_is_taken_back_with_its_entries_and_may_be_asked_again(
    store: Store, make_signal: MakeSignal, make_handoff: MakeHandoff
) -> None:
    signal, hook = make_signal(), make_signal(channel=Channel.WEBHOOK, parameters={"body": "{}"})
    await store.take_back("handoff-1", [signal.signal_id, hook.signal_id])  # nothing of it stands
    assert await store.record_handoff(make_handoff(), signal, hook)
    await store.take_back("handoff-1", [signal.signal_id, hook.signal_id])
    assert await store.handoff("handoff-1") is None
    assert await store.signals(SignalQuery(call_id="call-1")) == ()
    assert await store.record_handoff(make_handoff("handoff-2"), make_signal())


@pytest.mark.parametrize("state", [SignalState.ACCEPTED, SignalState.RECORDED])
async def test_what_was_tried_is_not_taken_back(
    store: Store, make_signal: MakeSignal, make_handoff: MakeHandoff, state: SignalState
) -> None:
    signal = make_signal()
    assert await store.record_handoff(make_handoff(), signal)
    await store.update_signal(signal.signal_id, state, Attempt(1001.0, 1002.0, "unavailable", 503))
    await store.take_back("handoff-1", [signal.signal_id])
    assert await store.handoff("handoff-1") is not None
    assert await store.signal(signal.signal_id) is not None


async def test_a_signal_without_a_handoff_is_taken_back(store: Store, make_signal: MakeSignal) -> None:
    signal = make_signal(moment=Moment.FAILED)
    assert await store.record_signal(signal)
    await store.take_back("", [signal.signal_id])
    assert await store.signal(signal.signal_id) is None
