# SPDX-License-Identifier: GPL-3.0-or-later
"""An operator's decisions: on record, in the signal's own row, and never for what NICE has already."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeAlias

import pytest

from agent.core.moments import Moment, SignalState
from agent.core.records import Attempt, Decision, Signal
from agent.delivery.sqlite import SqliteStore
from tests.delivery.outbox import unsettled

MakeSignal: TypeAlias = Callable[..., Signal]
RETRY = Attempt(1200.0, 1200.0, Decision.RETRY.value, None, "by ana@edge-1")
DISCARD = Attempt(1200.0, 1200.0, Decision.DISCARD.value, None, "by ana@edge-1")
TRIED = Attempt(1001.0, 1001.5, "unknown_contact", 404, "Invalid Contact ID.")


async def settled(store: SqliteStore, signal: Signal, state: SignalState) -> None:
    assert await store.record_signal(signal)
    assert await store.update_signal(signal.signal_id, state, TRIED)


@pytest.mark.parametrize(
    "state", [SignalState.REFUSED, SignalState.UNKNOWN, SignalState.EXPIRED, SignalState.CANCELLED]
)
async def test_a_settled_signal_is_reopened_in_its_own_row(
    store: SqliteStore, make_signal: MakeSignal, state: SignalState
) -> None:
    signal = make_signal()
    await settled(store, signal, state)
    reopened = await store.reopen_signal(signal.signal_id, 1320.0, RETRY)
    assert reopened is not None
    assert (reopened.state, reopened.expires) == (SignalState.RECORDED, 1320.0)
    assert reopened.attempts == (TRIED, RETRY)
    assert await unsettled(store) == (reopened,)
    assert await store.record_signal(make_signal(moment=Moment.COMPLETED)) is None


@pytest.mark.parametrize("state", [SignalState.RECORDED, SignalState.SENDING, SignalState.ACCEPTED])
async def test_what_nice_has_or_will_have_is_not_reopened(
    store: SqliteStore, make_signal: MakeSignal, state: SignalState
) -> None:
    signal = make_signal()
    await settled(store, signal, state)
    before = await store.signal(signal.signal_id)
    assert await store.reopen_signal(signal.signal_id, 1320.0, RETRY) is None
    assert await store.signal(signal.signal_id) == before
    assert await store.reopen_signal("none", 1320.0, RETRY) is None


async def test_of_many_who_retry_at_once_one_is_heard(store: SqliteStore, make_signal: MakeSignal) -> None:
    signal = make_signal()
    await settled(store, signal, SignalState.REFUSED)
    done = await asyncio.gather(*(store.reopen_signal(signal.signal_id, 1320.0, RETRY) for _ in range(10)))
    assert len([one for one in done if one is not None]) == 1
    stored = await store.signal(signal.signal_id)
    assert stored is not None
    assert stored.attempts == (TRIED, RETRY)


async def test_only_a_recorded_signal_is_discarded(store: SqliteStore, make_signal: MakeSignal) -> None:
    waits, leaves = make_signal(), make_signal("call-2")
    assert await store.record_signal(waits)
    await settled(store, leaves, SignalState.SENDING)
    assert await store.discard_signal(waits.signal_id, DISCARD)
    assert not await store.discard_signal(waits.signal_id, DISCARD)
    assert not await store.discard_signal(leaves.signal_id, DISCARD)
    assert not await store.discard_signal("none", DISCARD)
    stored = await store.signal(waits.signal_id)
    assert stored is not None
    assert (stored.state, stored.attempts) == (SignalState.CANCELLED, (DISCARD,))


async def test_a_discarded_signal_is_not_sent_by_who_had_it_in_hand(
    store: SqliteStore, make_signal: MakeSignal
) -> None:
    signal = make_signal()
    assert await store.record_signal(signal)
    assert await store.discard_signal(signal.signal_id, DISCARD)
    assert not await store.update_signal(signal.signal_id, SignalState.SENDING, None)
