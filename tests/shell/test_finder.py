# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls are found wherever they are known: up here, on record, refused; and all about one of them."""

from __future__ import annotations

import asyncio
import time

import pytest

from agent.core.errors import StorageError
from agent.core.records import CallRecord
from agent.delivery.queries import CallQuery
from agent.http.call_finder import Which
from tests.core.examples import CONTACT, record
from tests.shell.harness import steps as step
from tests.shell.harness.shell import Shell
from tests.shell.harness.storage import Fault


async def recorded(shell: Shell, /, **changes: object) -> CallRecord:
    """A call that is on record alone, since another node has or had it."""
    call = record(**changes)
    storing = asyncio.ensure_future(shell.store.as_store.open_call(call, None))
    await shell.settled()
    await storing
    return call


async def up(node: Shell) -> CallRecord:
    """A call that is up here."""
    step.caller_comes(node)
    await node.settled()
    step.agent_answers(node)
    await node.settled()
    return node.call.record


async def refused(node: Shell) -> str:
    """An INVITE that is refused; gives its call id."""
    node.arrives("X-ContactID: none")
    await node.settled()
    return node.switchboard.refusals.newest()[0].call_id


async def found(node: Shell, which: Which = Which.ALL, **wanted: object) -> list[str]:
    query = CallQuery(**wanted)  # type: ignore[arg-type]  # any field
    return [call["call_id"] for call in (await node.desks.finder.find(query, which)).calls]


async def test_one_list_has_calls_that_are_up_over_and_refused(node: Shell) -> None:
    now = time.time()
    over = await recorded(node, call_id="c-over", began=now - 500, ended=now - 400, end="caller")
    elsewhere = await recorded(node, call_id="c-elsewhere", began=now - 300, node="edge-2")
    live = await up(node)
    page = await node.desks.finder.find(CallQuery())
    assert [(call["call_id"], call["live"], call["state"]) for call in page.calls] == [
        (live.call_id, True, "bridged"),
        (elsewhere.call_id, False, elsewhere.state),
        (over.call_id, False, over.state),
    ]
    assert (page.more, page.missing) == (None, "")
    gone = await refused(node)
    assert set(await found(node)) == {live.call_id, gone, "c-elsewhere", "c-over"}
    assert await found(node, Which.LIVE) == [live.call_id, "c-elsewhere"]
    assert await found(node, Which.OVER) == ["c-over"]
    assert await found(node, Which.REFUSED) == [gone]
    assert await found(node, end="refused") == [gone]
    assert await found(node, reason="bad_contact_id", number="0100") == [gone]
    assert await found(node, contact_id=CONTACT) == [live.call_id, "c-elsewhere", "c-over"]
    assert await found(node, any_id=live.sip_call_id) == [live.call_id]


async def test_pages_go_through_all_of_them_once(node: Shell) -> None:
    now = time.time()
    for number in range(5):
        await recorded(node, call_id=f"c-{number}", began=now - 500 + number, ended=now)
    live, gone = await up(node), await refused(node)
    seen: list[str] = []
    query = CallQuery(limit=2)
    while True:
        page = await node.desks.finder.find(query)
        seen += [call["call_id"] for call in page.calls]
        if page.more is None:
            break
        assert len(page.calls) == 2
        query = CallQuery(limit=2, before=page.more)
    assert sorted(seen[:2]) == sorted([live.call_id, gone])
    assert seen[2:] == ["c-4", "c-3", "c-2", "c-1", "c-0"]


async def test_a_record_that_can_not_be_read_leaves_what_is_remembered(node: Shell) -> None:
    live, gone = await up(node), await refused(node)
    node.store.plan["calls", 1] = Fault.BEFORE
    page = await node.desks.finder.find(CallQuery())
    assert {call["call_id"] for call in page.calls} == {live.call_id, gone}
    assert page.missing == "calls on record can't be listed now: the storage refused"


async def test_all_about_a_call_that_is_up(node: Shell) -> None:
    live = await up(node)
    about = await node.desks.finder.about(live.call_id)
    assert about is not None
    assert (about.call["live"], about.call["state"], about.handoff) == (True, "bridged", None)
    assert [entry.moment for entry in about.outbox] == ["arrival"]
    assert any("admitted" in entry["text"] for entry in about.story or ())


async def test_all_about_one_on_record_alone_and_one_refused_and_none(node: Shell) -> None:
    await recorded(node, call_id="c-over", ended=2.0)
    about = await node.desks.finder.about("c-over")
    assert about is not None
    assert (about.call["live"], about.story) == (False, None)
    refusal = await node.desks.finder.about(await refused(node))
    assert refusal is not None
    assert (refusal.call["state"], refusal.call["code"], refusal.outbox) == ("refused", 400, ())
    assert refusal.story
    assert await node.desks.finder.about("c-none") is None


async def test_a_call_whose_record_can_not_be_read_is_told_from_memory(node: Shell) -> None:
    live = await up(node)
    node.store.plan["signals", 1] = Fault.BEFORE
    about = await node.desks.finder.about(live.call_id)
    assert about is not None
    assert (about.call["live"], about.outbox) == (True, ())
    assert list(about.missing) == ["the record can't be read: the storage refused"]
    node.store.plan["call", 1] = Fault.BEFORE
    with pytest.raises(StorageError):
        await node.desks.finder.about("c-none")
