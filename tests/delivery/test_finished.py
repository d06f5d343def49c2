# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls are numbered as they end, and whoever has seen a number has seen all smaller ones of the node."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

import asyncpg
import pytest

from agent.core.moments import Moment, SignalState
from agent.core.quality import LegQuality
from agent.core.records import CallRecord, Channel, Handoff, Signal
from agent.delivery.finished import Export, Filed
from agent.delivery.postgres import PostgresStore
from agent.delivery.queries import HELD_SECONDS, SignalQuery
from agent.delivery.store import Store
from tests.calls.harness.postgres import Postgres

MakeCall: TypeAlias = Callable[..., CallRecord]
MakeSignal: TypeAlias = Callable[..., Signal]
MakeHandoff: TypeAlias = Callable[..., Handoff]

LEGS = (LegQuality("caller", "PCMU", "relay", 10, 11, 1, mos=4.2), LegQuality("agent", received=9))


def over(call: CallRecord, ended: float = 2000.0, end: str = "completed") -> CallRecord:
    return call.moved("ended", ended=ended, end=end, reason=end, legs=LEGS)


async def ended(store: Store, *calls: CallRecord) -> None:
    for call in calls:
        await store.open_call(call, None)
        await store.update_call(over(call))


async def ids(store: Store, after: int = 0, most: int = 100) -> list[str]:
    return [one.call.call_id for one in await store.finished(after, most)]


async def test_calls_are_numbered_in_the_order_in_which_they_end(
    each_store: Store, make_call: MakeCall
) -> None:
    calls = [make_call(f"call-{number}") for number in range(4)]
    await asyncio.gather(*(each_store.open_call(call, None) for call in calls))
    assert await each_store.finished(0, 10) == ()
    for call in reversed(calls[1:]):
        await each_store.update_call(over(call))
    found = await each_store.finished(0, 10)
    assert [one.call for one in found] == [over(call) for call in reversed(calls[1:])]
    numbers = [one.number or 0 for one in found]
    assert numbers == sorted({*numbers})
    assert await ids(each_store, numbers[0], 1) == ["call-2"]
    assert (await each_store.filed()).given >= numbers[-1]


async def test_a_call_keeps_its_number_whatever_is_stored_of_it_later(
    each_store: Store, make_call: MakeCall
) -> None:
    await ended(each_store, make_call(), make_call("call-2"))
    (first, _) = await each_store.finished(0, 10)
    again = replace(first.call, reason="operator", version=first.call.version + 1)
    await each_store.update_call(again)
    found = await each_store.finished(0, 10)
    assert (found[0].call.call_id, found[0].number) == ("call-1", first.number)
    assert found[0].call == again


async def test_many_that_end_together_are_all_found_once(each_store: Store, make_call: MakeCall) -> None:
    calls = [make_call(f"call-{number}") for number in range(300)]
    await asyncio.gather(*(each_store.open_call(call, None) for call in calls))
    ending = asyncio.gather(*(each_store.update_call(over(call)) for call in calls))
    found: list[str] = []
    position = 0
    while len(found) < len(calls):
        for one in await each_store.finished(position, 50):
            assert one.number is not None
            position = one.number
            found.append(one.call.call_id)
    await ending
    assert sorted(found) == sorted(call.call_id for call in calls)


async def test_what_the_voice_agent_asked_for_goes_with_the_call(
    each_store: Store, make_call: MakeCall, make_handoff: MakeHandoff
) -> None:
    call, asked = make_call(), make_handoff(skill="billing", shared_id="crm-7")
    await each_store.open_call(call, None)
    assert await each_store.record_handoff(asked, None)
    await each_store.update_call(over(call))
    (found,) = await each_store.finished(0, 10)
    assert found.handoff is not None
    assert (found.handoff.handoff_id, found.handoff.skill, found.handoff.shared_id, found.handoff.way) == (
        "handoff-1",
        "billing",
        "crm-7",
        "http",
    )


async def test_how_far_files_have_come_is_noted_and_forgotten(each_store: Store) -> None:
    assert await each_store.filed() == Filed(None, 0)
    await each_store.note_filed(5)
    await each_store.note_filed(7)
    assert (await each_store.filed()).position == 7
    await each_store.note_filed(None)
    await each_store.note_filed(None)
    assert (await each_store.filed()).position is None


async def test_calls_that_are_in_no_file_yet_are_kept_for_a_while(
    each_store: Store, make_call: MakeCall
) -> None:
    await ended(each_store, make_call(), make_call("call-2"))
    (first, _) = await each_store.finished(0, 10)
    await each_store.note_filed(first.number)
    assert await each_store.forget(3000.0, 100) == 1, "the other one is in no file"
    assert await ids(each_store) == ["call-2"]
    assert await each_store.forget(3000.0, 0) == 0, "nor does it go for there being too many"
    assert await each_store.forget(2001.0 + HELD_SECONDS, 100) == 1, "but not for ever"


async def test_a_node_that_keeps_no_files_holds_nothing_back(each_store: Store, make_call: MakeCall) -> None:
    await ended(each_store, make_call())
    await each_store.note_filed(0)
    assert await each_store.forget(3000.0, 100) == 0
    await each_store.note_filed(None)
    assert await each_store.forget(3000.0, 100) == 1


async def test_numbers_go_on_when_the_newest_call_is_forgotten(
    each_store: Store, make_call: MakeCall
) -> None:
    await ended(each_store, make_call())
    (first,) = await each_store.finished(0, 10)
    assert await each_store.forget(3000.0, 100) == 1
    await ended(each_store, make_call("call-2"))
    (second,) = await each_store.finished(0, 10)
    assert (second.number or 0) > (first.number or 0)


async def test_numbers_go_on_behind_files_of_another_state_and_no_call_keeps_one_that_is_passed(
    each_store: Store, make_call: MakeCall
) -> None:
    await ended(each_store, *(make_call(f"call-{number}") for number in range(5)))
    numbers = [one.number or 0 for one in await each_store.finished(0, 10)]
    await each_store.note_filed(numbers[1])
    await each_store.number_anew(numbers[1], ["call-2", "of another state"], numbers[1] + 1000)
    assert (await each_store.filed()).position == numbers[1] + 1000
    assert [one.number for one in await each_store.finished(0, 3)] == numbers[:3], "those are in files"
    await ended(each_store, make_call("call-5"))
    assert await ids(each_store, numbers[1] + 1000) == ["call-3", "call-4", "call-5"]
    moved = [one.number or 0 for one in await each_store.finished(numbers[1] + 1000, 10)]
    assert moved == sorted({*moved})
    assert (await each_store.filed()).given >= moved[-1]


async def test_numbers_of_an_empty_storage_go_on_behind_files_too(
    each_store: Store, make_call: MakeCall
) -> None:
    await each_store.number_anew(0, (), 1000)
    assert (await each_store.filed()).position == 1000
    await ended(each_store, make_call())
    assert await ids(each_store, 1000) == ["call-1"]


# -- exports -------------------------------------------------------------------------------------------------


async def exported(store: Store, wanted: Export, page: int = 2) -> list[str]:
    first, last = await store.places()
    found: list[str] = []
    for low in range(first - 1, last, page):
        calls = await store.finished_between(low, min(low + page, last), wanted)
        found += (one.call.call_id for one in calls)
    return found


async def test_an_export_has_what_ended_in_its_time_and_is_of_its_project(
    each_store: Store, make_call: MakeCall
) -> None:
    assert await exported(each_store, Export()) == []
    for number in range(5):
        call = make_call(f"call-{number}", project="acme-sales" if number == 3 else "acme-care")
        await each_store.open_call(call, None)
        if number != 2:
            await each_store.update_call(over(call, 2000.0 + number))
    assert await exported(each_store, Export()) == ["call-0", "call-1", "call-3", "call-4"]
    assert await exported(each_store, Export(since=2001.0, until=2004.0)) == ["call-1", "call-3"]
    assert await exported(each_store, Export(project="acme-sales")) == ["call-3"]


# -- what tells of an end ------------------------------------------------------------------------------------


async def hooks(store: Store) -> list[str]:
    found = await store.signals(SignalQuery("call-1", channel=Channel.WEBHOOK))
    return [one.signal_id for one in found]


async def test_a_call_and_what_tells_of_its_end_are_stored_together(
    each_store: Store, make_call: MakeCall, make_signal: MakeSignal
) -> None:
    call = make_call()
    hook = make_signal(signal_id="e-1", moment=Moment.COMPLETED, channel=Channel.WEBHOOK)
    assert not await each_store.update_call(over(call), hook), "there is no such call"
    assert await hooks(each_store) == []
    await each_store.open_call(call, None)
    assert await each_store.update_call(over(call), hook)
    assert await each_store.call("call-1") == over(call)
    assert await hooks(each_store) == ["e-1"]


async def test_it_is_told_once_however_often_the_end_is_stored(
    each_store: Store, make_call: MakeCall, make_signal: MakeSignal
) -> None:
    call = make_call()
    hook = make_signal(signal_id="e-1", moment=Moment.COMPLETED, channel=Channel.WEBHOOK)
    await each_store.open_call(call, None)
    for _ in range(2):  # a write that failed may stand: it is repeated
        assert await each_store.update_call(over(call), hook)
    assert await each_store.update_signal("e-1", SignalState.ACCEPTED, None)
    assert await each_store.update_call(over(call), replace(hook, state=SignalState.RECORDED))
    found = await each_store.signal("e-1")
    assert found is not None
    assert found.state is SignalState.ACCEPTED


async def test_an_older_state_tells_nobody(
    each_store: Store, make_call: MakeCall, make_signal: MakeSignal
) -> None:
    call = make_call()
    hook = make_signal(signal_id="e-1", moment=Moment.COMPLETED, channel=Channel.WEBHOOK)
    await each_store.open_call(call, None)
    await each_store.update_call(replace(over(call), version=9))
    assert not await each_store.update_call(over(call), hook)
    assert await hooks(each_store) == []


# -- several nodes on one database ---------------------------------------------------------------------------


@pytest.fixture
def url(postgres: Postgres) -> str:
    return postgres.new()


async def test_each_node_has_the_calls_that_it_ended_and_those_of_a_dead_neighbour_that_it_took_over(
    url: str, make_call: MakeCall
) -> None:
    one, two = [await PostgresStore.open(url, node=f"edge-{number}") for number in (1, 2)]
    await ended(one, make_call("of-one"))
    await ended(two, make_call("of-two"))
    await one.open_call(make_call("left"), None)
    await one.note_filed(3)
    await one.aclose()
    orphans = await two.take_over()
    assert [call.call_id for call in orphans.calls] == ["left"]
    await two.update_call(over(orphans.calls[0]))
    assert await ids(two) == ["of-two", "left"]
    assert (await two.filed()).position is None
    again = await PostgresStore.open(url, node="edge-1")
    assert await ids(again) == ["of-one"]
    assert (await again.filed()).position == 3
    await again.aclose()
    await two.aclose()


async def test_numbers_of_a_neighbour_stay_and_go_on_too(url: str, make_call: MakeCall) -> None:
    one, two = [await PostgresStore.open(url, node=f"edge-{number}") for number in (1, 2)]
    await ended(one, make_call("of-one"))
    await ended(two, make_call("of-two"))
    before = await two.finished(0, 10)
    await one.number_anew(0, (), 1000)
    assert await two.finished(0, 10) == before
    assert (await two.filed()).position is None
    assert await ids(one, 1000) == ["of-one"]
    await ended(two, make_call("of-two-too"))
    assert await ids(two, before[0].number or 0) == ["of-two-too"]
    await one.aclose()
    await two.aclose()


async def test_no_number_comes_up_before_a_smaller_one_whose_commit_is_not_known(
    url: str, make_call: MakeCall
) -> None:
    """A transaction that hangs, as one whose connection broke may: another one of the node waits for it."""
    store = await PostgresStore.open(url, node="edge-1")
    for name in ("call-1", "call-2"):
        await store.open_call(make_call(name), None)
    hanging = await asyncpg.connect(url)
    transaction = hanging.transaction()
    await transaction.start()
    await hanging.execute("UPDATE calls SET ended = 2000, state = 'ended' WHERE call_id = 'call-1'")
    ending = asyncio.ensure_future(store.update_call(over(make_call("call-2"))))
    waits = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    other = await asyncpg.connect(url)
    while not await other.fetchval(waits):
        await asyncio.sleep(0.01)
    assert await store.finished(0, 10) == ()
    await transaction.commit()
    await ending
    assert await ids(store) == ["call-1", "call-2"]
    await hanging.close()
    await other.close()
    await store.aclose()
