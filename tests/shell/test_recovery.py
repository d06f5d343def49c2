# SPDX-License-Identifier: GPL-3.0-or-later
"""What a process that is gone left behind: its calls are told as failed, once, and its signals go on."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from agent.calls.recovery import AT_ONCE
from agent.core.errors import StorageError
from agent.core.moments import Moment, SignalState
from tests.shell.harness.left import KEPT, OVER, UP, Left, Next, signal
from tests.shell.harness.settings import care
from tests.shell.harness.storage import Fault
from tests.shell.harness.turns import until

DIED = ("ended", "failed", "process_died")


async def test_a_call_that_was_up_is_told_as_failed_and_is_over(left: Left) -> None:
    after = await left.by(UP, OVER)
    assert await after.recovery.take_over() == 1
    (told,) = after.courier.begun
    assert (told.call_id, told.moment, told.parameters["p1"]) == ("c-up", Moment.FAILED, "failed")
    assert await after.ended(UP) == DIED
    assert await after.ended(OVER) == ("ended", "caller", "caller_hung_up")


async def test_nothing_is_told_twice_by_the_same_process_or_the_next(left: Left) -> None:
    after = await left.by(UP)
    assert await after.recovery.take_over() == 1
    assert await after.recovery.take_over() == 0
    assert len(after.courier.begun) == 1
    third = await left.next(care())
    assert await third.recovery.take_over() == 0
    assert third.courier.begun == []
    assert third.courier.done == ["take up c-up failed"]  # it was begun by the second, and not settled


async def test_of_a_project_that_is_configured_no_more_the_call_is_over_and_nobody_is_told(
    left: Left,
) -> None:
    await left.by(UP)
    after = await left.next(None)
    assert await after.recovery.take_over() == 1
    assert (after.courier.begun, await after.ended(UP)) == ([], DIED)


async def test_a_project_that_wants_no_failed_signal_gets_none(left: Left) -> None:
    after = await left.by(UP, project=care(signals={"arrival": {"p1": "arrival"}}))
    assert await after.recovery.take_over() == 1
    assert (after.courier.begun, await after.ended(UP)) == ([], DIED)


@pytest.mark.parametrize("moment", [moment for moment in Moment if moment.terminal])
async def test_the_terminal_moment_that_came_before_stands(left: Left, moment: Moment) -> None:
    after = await left.by(UP, signals=[signal(UP, moment, SignalState.RECORDED)])
    assert await after.recovery.take_over() == 1
    assert after.courier.begun == []
    assert after.courier.done == [f"take up c-up {moment.value}"]
    assert await after.ended(UP) == ("ended", moment.value, "process_died")


async def test_signals_are_taken_up_before_the_calls_are_told(left: Left) -> None:
    after = await left.by(UP, signals=[signal(UP, Moment.ARRIVAL, SignalState.SENDING)])
    await after.recovery.take_over()
    assert after.courier.done == ["take up c-up arrival", "begin c-up failed"]


async def test_an_arrival_whose_caller_hung_up_is_cancelled_and_no_other_one(left: Left) -> None:
    waiting = [signal(call, Moment.ARRIVAL, SignalState.RECORDED) for call in (OVER, UP)]
    after = await left.by(UP, OVER, signals=waiting)
    await after.recovery.take_over()
    assert after.courier.done == [
        "take up c-over arrival",
        "take up c-up arrival",
        "cancel c-over",
        "begin c-up failed",
    ]


@pytest.mark.parametrize("state", [SignalState.CANCELLED, SignalState.EXPIRED])
async def test_the_handoff_of_a_caller_who_was_kept_goes_out_after_all(
    left: Left, state: SignalState
) -> None:
    after = await left.by(KEPT, signals=[signal(KEPT, Moment.HANDOFF, state)])
    assert await after.recovery.take_over() == 1
    (told,) = after.courier.begun
    assert (told.moment, told.state) == (Moment.HANDOFF, SignalState.RECORDED)
    assert told.attempts[-1].outcome == "sent_after_death"
    assert await after.ended(KEPT) == ("ended", "handoff", "process_died")
    assert await after.moments(KEPT) == [(Moment.HANDOFF, SignalState.RECORDED)]


@pytest.mark.parametrize("state", [SignalState.ACCEPTED, SignalState.UNKNOWN, SignalState.REFUSED])
async def test_one_that_may_have_had_an_effect_does_not(left: Left, state: SignalState) -> None:
    after = await left.by(KEPT, signals=[signal(KEPT, Moment.HANDOFF, state)])
    await after.recovery.take_over()
    assert (after.courier.begun, await after.moments(KEPT)) == ([], [(Moment.HANDOFF, state)])


async def test_a_cancelled_handoff_of_a_caller_who_was_not_kept_does_not_either(left: Left) -> None:
    after = await left.by(UP, signals=[signal(UP, Moment.HANDOFF, SignalState.CANCELLED)])
    await after.recovery.take_over()
    assert after.courier.begun == []


# -- a storage that fails half-way -------------------------------------------------------------------------

TRAIL = (
    ("take_over", 1),
    ("call", 1),
    *((name, number) for name in ("record_signal", "update_call") for number in (1, 2)),
    ("take_over", 2),
)
TWO = (UP, replace(UP, call_id="c-second"))


async def two_calls(left: Left) -> Next:
    return await left.by(*TWO, OVER, signals=[signal(OVER, Moment.ARRIVAL, SignalState.RECORDED)])


async def test_the_storage_is_asked_for_all_calls_together(left: Left) -> None:
    after = await two_calls(left)
    assert await after.recovery.take_over() == 2
    assert (
        tuple((name, after.store.trail[: at + 1].count(name)) for at, name in enumerate(after.store.trail))
        == TRAIL
    )


@pytest.mark.parametrize("place", TRAIL, ids=lambda place: f"{place[0]} {place[1]}")
async def test_what_is_left_where_the_storage_fails_is_done_the_next_time_and_nothing_twice(
    left: Left, place: tuple[str, int]
) -> None:
    after = await two_calls(left)
    after.store.plan[place] = Fault.BEFORE
    if place == ("call", 1):
        assert await after.recovery.take_over() == 2  # whether that caller hung up is not worth a halt
        assert "cancel c-over" not in after.courier.done
    else:
        with pytest.raises(StorageError):
            await after.recovery.take_over()
        await after.recovery.take_over()
    begun = [one for one in after.courier.done if one.startswith("begin")]
    assert sorted(begun) == ["begin c-second failed", "begin c-up failed"], "one holds up no other"
    for call in TWO:
        assert await after.ended(call) == DIED
        assert [moment for moment, _ in await after.moments(call)] == [Moment.FAILED]


async def test_a_signal_that_is_durable_though_the_storage_failed_is_begun_all_the_same(left: Left) -> None:
    after = await left.by(UP)
    after.store.plan["record_signal", 1] = Fault.AFTER
    with pytest.raises(StorageError):
        await after.recovery.take_over()
    assert await after.recovery.take_over() == 1
    assert [one.moment for one in after.courier.begun] == [Moment.FAILED]
    assert await after.ended(UP) == DIED


async def test_one_whose_end_can_t_be_stored_is_begun_once(left: Left) -> None:
    after = await left.by(UP)
    after.store.plan["update_call", 1] = Fault.BEFORE
    with pytest.raises(StorageError):
        await after.recovery.take_over()
    assert await after.recovery.take_over() == 1
    assert len(after.courier.begun) == 1
    assert await after.ended(UP) == DIED


async def test_a_call_that_came_up_meanwhile_is_not_taken_for_one_that_was_left(left: Left) -> None:
    after = await left.by(UP)
    new = replace(UP, call_id="c-new")
    await after.store.as_store.open_call(new, signal(new, Moment.ARRIVAL, SignalState.SENDING))
    assert await after.recovery.take_over() == 1
    assert after.courier.done == ["begin c-up failed"]
    assert await after.ended(new) == ("bridged", "", "")


async def test_many_are_told_in_batches(left: Left) -> None:
    calls = [replace(UP, call_id=f"c-{number}", contact_id=str(number + 1)) for number in range(250)]
    after = await left.by(*calls)
    assert await after.recovery.take_over() == 250
    assert [one.call_id for one in after.courier.begun] == [call.call_id for call in calls]
    places = after.store.trail
    assert places.index("update_call") == places.index("record_signal") + AT_ONCE


# -- again and again ---------------------------------------------------------------------------------------


async def test_a_look_returns_at_once_and_one_goes_on_at_a_time(left: Left) -> None:
    after = await left.by(UP)
    after.store.plan["take_over", 1] = Fault.HANG
    after.recovery.look()
    after.recovery.look()
    await asyncio.sleep(0)
    assert after.store.trail == ["take_over"]
    after.store.release()
    await until(lambda: after.store.trail.count("take_over") == 2 and not after.store.busy)
    assert await after.ended(UP) == DIED
    await after.recovery.aclose()


async def test_a_look_that_the_storage_fails_is_followed_by_the_next(left: Left) -> None:
    after = await left.by(UP)
    after.store.plan["take_over", 1] = Fault.BEFORE
    after.recovery.look()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    after.recovery.look()
    await until(lambda: after.store.trail.count("take_over") == 3 and not after.store.busy)
    assert await after.ended(UP) == DIED
    await after.recovery.aclose()


async def test_what_is_looked_at_when_the_process_ends_is_left_to_the_next(left: Left) -> None:
    after = await left.by(UP)
    await after.recovery.aclose()  # nothing was begun
    after.store.plan["record_signal", 1] = Fault.HANG
    after.recovery.look()
    await until(lambda: "record_signal" in after.store.trail)
    await after.recovery.aclose()
    third = await left.next(care())
    assert await third.recovery.take_over() == 1
    assert len(third.courier.begun) == 1
