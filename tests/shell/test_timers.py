# SPDX-License-Identifier: GPL-3.0-or-later
"""Many timers share one of the loop's: each runs out at its time, in order, and none hinders another."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from agent.calls.timers import Timers
from agent.telemetry.logs import call_facts, of_call
from tests.shell.harness.clock import Clock


class Ran:
    """Timers, and which of them have run out."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock = Clock(monkeypatch)
        self.timers = Timers()
        self.out: list[object] = []

    async def after(self, seconds: float) -> list[object]:
        """What has run out by then."""
        self.clock.push(seconds)
        for _ in range(3):
            await asyncio.sleep(0)
        return self.out

    def start(self, seconds: float, name: object) -> None:
        """One that notes its name."""
        self.timers.start(seconds, lambda: self.out.append(name))


@pytest.fixture
async def ran(monkeypatch: pytest.MonkeyPatch) -> Ran:
    return Ran(monkeypatch)


async def test_each_runs_out_at_its_time_in_whatever_order_they_were_started(ran: Ran) -> None:
    for seconds in (5.0, 1.0, 3.0):
        ran.start(seconds, seconds)
    assert await ran.after(0.9) == []
    assert await ran.after(0.2) == [1.0]
    ran.start(0.5, "later")
    assert await ran.after(10) == [1.0, "later", 3.0, 5.0]


async def test_those_of_one_moment_run_out_in_the_order_of_their_start(ran: Ran) -> None:
    for name in "abc":
        ran.start(1.0, name)
    assert await ran.after(1.0) == ["a", "b", "c"]


async def test_one_that_is_stopped_never_runs_out_also_by_one_of_the_same_moment(ran: Ran) -> None:
    stopped = ran.timers.start(2.0, lambda: ran.out.append("stopped"))
    ran.timers.start(1.0, stopped.stop)
    ran.start(2.0, "kept")
    assert await ran.after(2.0) == ["kept"]
    stopped.stop()


async def test_one_that_starts_another_need_not_wait_for_those_behind_it(ran: Ran) -> None:
    def start_others() -> None:
        ran.start(4.0, "new")
        ran.start(8.0, "newer")

    ran.timers.start(1.0, start_others)
    ran.start(6.0, "old")
    await ran.after(1.0)
    assert await ran.after(4.0) == ["new"]
    assert await ran.after(4.0) == ["new", "old", "newer"]


async def test_an_error_is_told_to_the_loop_and_ends_no_other(ran: Ran) -> None:
    told: list[dict[str, Any]] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: told.append(context))
    ran.timers.start(1.0, lambda: 1 / 0)
    ran.start(1.0, "next")
    assert await ran.after(1.0) == ["next"]
    loop.set_exception_handler(None)
    assert [type(context["exception"]) for context in told] == [ZeroDivisionError]


async def test_one_that_takes_itself_for_cancelled_ends_no_other(ran: Ran) -> None:
    """That is no `Exception`, and the loop goes on after it."""

    def cancelled() -> None:
        raise asyncio.CancelledError

    asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    ran.timers.start(1.0, cancelled)
    ran.start(1.0, "next")
    ran.start(2.0, "later")
    assert await ran.after(1.0) == ["next"]
    assert await ran.after(1.0) == ["next", "later"]
    asyncio.get_running_loop().set_exception_handler(None)


async def test_thousands_that_are_stopped_take_no_room(ran: Ran) -> None:
    ran.start(10.0, "kept")
    for _ in range(5000):
        ran.timers.start(5.0, ran.out.clear).stop()
    assert len(ran.timers._heap) < 1000
    assert await ran.after(10.0) == ["kept"]
    assert not ran.timers._heap


async def test_one_call_lends_its_name_to_no_other(ran: Ran) -> None:
    with of_call("c-1", "care"):
        ran.timers.start(1.0, lambda: ran.out.append(dict(call_facts())))
    assert await ran.after(1.0) == [{}]
