# SPDX-License-Identifier: GPL-3.0-or-later
"""A leg that brings no audio is noticed, one on hold is not."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import cast

from agent.calls.media_watch import MediaWatch
from agent.calls.timers import Timers
from agent.core.sides import Side
from agent.sip.leg import Leg
from agent.sip.traffic import Traffic


@dataclass
class _Leg:
    """Stands for a leg: counts packets as told."""

    key: int
    grows: bool = False
    held: bool = False
    received: int = field(default=0)
    broken: bool = False

    def measure(self) -> Traffic:
        if self.broken:
            raise RuntimeError("planned")
        self.received += self.grows
        return Traffic(heard=self.received)


def took(_where: str, error: Exception) -> None:
    assert str(error) == "planned"


async def _first_lost(**legs: _Leg) -> Side:
    lost: asyncio.Future[Side] = asyncio.get_running_loop().create_future()

    def tell(side: Side) -> None:
        if not lost.done():
            lost.set_result(side)

    watch = MediaWatch(
        0.02, {Side(name): cast("Leg", leg) for name, leg in legs.items()}, tell, took, Timers()
    )
    watch.begin()
    try:
        return await lost
    finally:
        watch.end()


async def test_the_leg_without_a_new_packet_is_the_lost_one() -> None:
    assert await _first_lost(caller=_Leg(1, grows=True), agent=_Leg(2)) is Side.AGENT


async def test_a_leg_on_hold_may_be_silent() -> None:
    assert await _first_lost(caller=_Leg(1, held=True), agent=_Leg(2)) is Side.AGENT


async def test_a_leg_that_stays_silent_is_told_again() -> None:
    told: list[Side] = []
    again = asyncio.Event()

    def tell(side: Side) -> None:
        told.append(side)
        if len(told) == 2:
            again.set()

    watch = MediaWatch(0.02, {Side.CALLER: cast("Leg", _Leg(1))}, tell, took, Timers())
    watch.begin()
    await again.wait()
    watch.end()
    assert told == [Side.CALLER, Side.CALLER]


async def test_no_look_follows_the_end_even_when_the_loss_ends_the_call() -> None:
    told: list[Side] = []
    done = asyncio.Event()

    def tell(side: Side) -> None:
        told.append(side)
        watch.end()
        done.set()

    watch = MediaWatch(0.02, {Side.CALLER: cast("Leg", _Leg(1))}, tell, took, Timers())
    watch.begin()
    await done.wait()
    assert told == [Side.CALLER]
    assert watch._timer is None or watch._timer.work is None or watch._ended


async def test_a_leg_that_can_t_be_measured_hides_no_other_one() -> None:
    assert await _first_lost(caller=_Leg(1, grows=True), agent=_Leg(2), target=_Leg(3, broken=True)) in (
        Side.AGENT,
        Side.TARGET,
    )


async def test_a_leg_that_can_never_be_measured_brings_nothing() -> None:
    assert await _first_lost(caller=_Leg(1, broken=True), agent=_Leg(2, grows=True)) is Side.CALLER
