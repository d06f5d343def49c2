# SPDX-License-Identifier: GPL-3.0-or-later
"""Whoever asked for a handoff hears of it once, the way it asked."""

from __future__ import annotations

import asyncio

import pytest

from agent.calls.asker import Asker, refuse
from agent.core.errors import StorageError
from agent.core.records import Handoff, Way, Whereabouts
from tests.shell.harness.clock import Clock
from tests.shell.harness.sip import FakeLeg, Verbs


def leg() -> FakeLeg:
    return FakeLeg(Verbs(), lambda _: None, "agent", "sip-1")


def asker(way: Way, asking: FakeLeg | None, subscription: int = 0) -> Asker:
    handoff = Handoff("h-1", "c-1", "acme", "care", "4711", 0.0, way=way)
    return Asker(handoff, asking, subscription)


@pytest.mark.parametrize(
    ("way", "taken", "told"),
    [
        (Way.REFER, True, ["NOTIFY 200 of 7"]),
        (Way.REFER, False, ["NOTIFY 503 of 7"]),
        (Way.INFO, True, []),  # our BYE says it
        (Way.INFO, False, ['INFO {"id": "h-1", "caller": "kept"}']),
        (Way.HTTP, True, []),
        (Way.HTTP, False, []),
        (Way.BYE, True, []),
        (Way.BYE, False, []),
    ],
)
async def test_it_is_told_the_way_it_asked_and_only_the_first_word_counts(
    way: Way, *, taken: bool, told: list[str]
) -> None:
    asking = leg()
    waits = asker(way, asking, 7)
    for _ in range(2):
        waits.tell(taken=taken)
        waits.tell(taken=not taken)
    assert asking.got == told


async def test_one_whose_leg_is_gone_is_told_nothing() -> None:
    asker(Way.REFER, None, 7).tell(taken=True)


@pytest.mark.parametrize(
    ("way", "told"),
    [
        (Way.REFER, ["NOTIFY 503 of 7"]),
        (Way.INFO, ['INFO {"caller": "on_the_way"}']),
        (Way.BYE, []),
        (Way.HTTP, []),
    ],
)
def test_one_that_asks_too_late_hears_who_has_the_caller(way: Way, told: list[str]) -> None:
    asking = leg()
    refuse(asking, way, 7, Whereabouts.ON_THE_WAY)
    assert asking.got == told


@pytest.mark.parametrize("first", [True, False])
async def test_it_learns_whether_its_handoff_is_durable_or_came_second(*, first: bool) -> None:
    waits = asker(Way.HTTP, None)
    reading = asyncio.ensure_future(waits.recorded())
    await asyncio.sleep(0)
    waits.resolve(first)
    waits.resolve(not first)
    waits.resolve(StorageError("too late to matter"))
    assert await reading is first
    assert await waits.recorded() is first


async def test_it_learns_that_its_handoff_could_not_be_recorded() -> None:
    waits = asker(Way.HTTP, None)
    waits.resolve(StorageError("the disk is full"))
    with pytest.raises(StorageError, match="the disk is full"):
        await waits.recorded()


async def test_a_request_that_is_given_up_takes_nothing_from_the_others() -> None:
    waits = asker(Way.HTTP, None)
    gone, stays = asyncio.ensure_future(waits.recorded()), asyncio.ensure_future(waits.recorded())
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.sleep(0)
    waits.resolve(True)  # noqa: FBT003 - one of two outcomes
    assert await stays


async def test_the_decision_is_waited_for_but_no_longer_than_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, waits = Clock(monkeypatch), asker(Way.HTTP, None)
    waiting = asyncio.ensure_future(waits.decided(3.0))
    await asyncio.sleep(0)
    assert not waiting.done()
    clock.push(3.1)
    await waiting
    waits.tell(taken=True)
    await waits.decided(3600.0)
