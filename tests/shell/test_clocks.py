# SPDX-License-Identifier: GPL-3.0-or-later
"""The clocks of a call run as long as the configuration says, and each tells of itself alone."""

from __future__ import annotations

import asyncio

import pytest

from agent.calls.clocks import Clocks
from agent.calls.timers import Timers
from agent.core.actions import Timer
from agent.core.model import Limits
from tests.shell.harness.clock import Clock
from tests.shell.harness.settings import AGENT, QUEUE, care

SECONDS = {
    Timer.RECORD: 5.0,
    Timer.RING: 30.0,
    Timer.RESPONSE: 4.5,
    Timer.TRYING: 9.0,
    Timer.DEADLINE: 3.0,
    Timer.PROMPT: 8.0,
    Timer.TRANSFER: 32.0,
    Timer.REPEAT: 1.0,
    Timer.WAIT_FOR_BYE: 5.0,
    Timer.DURATION: 14400.0,
}


class Running:
    """The clocks of one call."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock = Clock(monkeypatch)
        self.fired: list[Timer] = []
        project = care(
            voice_agent={"targets": [{"uri": AGENT}], "response_timeout": "4.5s", "trying_timeout": "9s"},
            handoff={"finish_prompt": {}, "target": QUEUE, "transfer_timeout": "32s"},
        )
        self.clocks = Clocks(Limits(), project, self.fired.append, Timers())

    async def after(self, seconds: float) -> list[Timer]:
        """The timers that ran out until then."""
        self.clock.push(seconds)
        for _ in range(3):
            await asyncio.sleep(0)
        return self.fired


@pytest.fixture
async def running(monkeypatch: pytest.MonkeyPatch) -> Running:
    return Running(monkeypatch)


@pytest.mark.parametrize("timer", list(Timer))
async def test_a_clock_runs_out_when_the_configuration_says_and_once(running: Running, timer: Timer) -> None:
    running.clocks.start(timer)
    assert await running.after(SECONDS[timer] - 0.5) == []
    assert await running.after(0.6) == [timer]
    assert await running.after(SECONDS[timer]) == [timer]


async def test_a_clock_runs_as_long_as_the_call_asks(running: Running) -> None:
    running.clocks.start(Timer.REPEAT, 20.0)
    assert await running.after(19.5) == []
    assert await running.after(0.6) == [Timer.REPEAT]


async def test_a_clock_that_is_stopped_says_nothing(running: Running) -> None:
    running.clocks.start(Timer.RING)
    running.clocks.stop(Timer.RING)
    running.clocks.stop(Timer.RING)
    assert await running.after(60) == []


async def test_a_clock_that_is_started_anew_begins_anew(running: Running) -> None:
    running.clocks.start(Timer.RESPONSE)
    assert await running.after(4.0) == []
    running.clocks.start(Timer.RESPONSE)
    assert await running.after(4.0) == []
    assert await running.after(1.0) == [Timer.RESPONSE]


async def test_clocks_do_not_touch_each_other(running: Running) -> None:
    for timer in (Timer.RING, Timer.RESPONSE, Timer.WAIT_FOR_BYE):
        running.clocks.start(timer)
    running.clocks.stop(Timer.WAIT_FOR_BYE)
    assert await running.after(5.0) == [Timer.RESPONSE]
    assert await running.after(30.0) == [Timer.RESPONSE, Timer.RING]
