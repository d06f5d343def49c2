# SPDX-License-Identifier: GPL-3.0-or-later
"""How events come out of pjsip: queued in its callbacks, handed on by the loop; and the tick behind it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import cast

import pjsua2
import pytest

from agent.core.containing import Containing
from agent.core.headers import parse
from agent.core.model import Agent
from agent.sip import events as on
from agent.sip import native, trace
from agent.sip.audio import LegAudio
from agent.sip.stack import Stack
from agent.sip.traffic import Traffic
from tests.shell.harness.clock import Clock
from tests.shell.harness.sip import FakeLeg, Verbs

MESSAGE = parse("INVITE sip:1@edge SIP/2.0\r\n\r\n")
REFUSED = on.RefusedByStack("192.0.2.7", MESSAGE, 488, "no")


class Pjsip:
    """Stands for the library; what `polled` does happens inside its poll."""

    def __init__(self) -> None:
        self.polled: Callable[[], object] = lambda: None
        self.polls = 0

    def libHandleEvents(self, _: int) -> int:  # noqa: N802 - the library's name
        """Poll."""
        self.polls += 1
        self.polled()
        return 0


class Running(Containing):
    """A stack on the library that is none, and what it reported."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock = Clock(monkeypatch)
        monkeypatch.setattr(pjsua2, "Endpoint", Pjsip)
        monkeypatch.setattr(native, "probes", list)
        monkeypatch.setattr(trace, "drain", lambda _: [])
        self.lingering = 0
        monkeypatch.setattr(native, "call_count", lambda: self.lingering)
        self.lags: list[float] = []
        self.errors: list[str] = []
        self.stack = Stack(
            Agent(node="edge-1"),
            lambda _: None,
            self.lags.append,
            self,
        )
        self.pump = self.stack._pump
        self.emit = self.pump.emit
        self.library = cast("Pjsip", self.stack._endpoint)
        self.reported: list[on.StackEvent] = []
        self.stack._report = self.reported.append
        self.escaped: list[str] = []
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: self.escaped.append(str(context.get("exception"))))

    def took(self, where: str, error: BaseException) -> None:
        """Note it."""
        self.errors.append(f"{where}: {error}")

    def leg(self, *, flowing: bool = False) -> FakeLeg:
        """A leg of the stack."""
        leg = FakeLeg(Verbs(), self.emit, "agent", "sip-1")
        traffic = Traffic(received=7)
        audio = SimpleNamespace(flowing=flowing, traffic=traffic, reconnect=lambda: None)
        leg.audio = cast("LegAudio", audio)
        self.stack._legs[leg.key] = leg
        return leg

    async def turns(self) -> list[on.StackEvent]:
        """What was reported after a few turns of the loop."""
        for _ in range(4):
            await asyncio.sleep(0)
        return self.reported


@pytest.fixture
async def running(monkeypatch: pytest.MonkeyPatch) -> Running:
    return Running(monkeypatch)


async def test_what_a_verb_of_ours_brings_about_is_told_in_the_loop_s_next_turn(running: Running) -> None:
    running.emit(REFUSED)
    running.emit(REFUSED)
    assert running.reported == []
    assert await running.turns() == [REFUSED, REFUSED]


async def test_what_comes_inside_a_poll_is_told_when_the_library_has_returned(running: Running) -> None:
    told_inside: list[int] = []

    def polled() -> None:
        running.emit(REFUSED)
        told_inside.append(len(running.reported))

    running.library.polled = polled
    running.pump.poll()
    assert (told_inside, running.reported) == ([0], [REFUSED])


async def test_nothing_is_told_of_a_leg_whose_end_was_told(running: Running) -> None:
    leg = running.leg()
    running.emit(on.Ended(leg.key, 200, ""))
    running.emit(on.Digit(leg.key, "5"))
    assert await running.turns() == [on.Ended(leg.key, 200, "", traffic=Traffic(received=7))]
    assert (leg.alive, running.stack.legs_alive) == (False, 0)


async def test_whether_early_media_flows_is_known_once_the_library_has_read_the_sdp(running: Running) -> None:
    leg, silent = running.leg(flowing=True), running.leg()
    for one in (leg, silent):
        running.emit(on.Provisional(one.key, 183, media=False))
    assert await running.turns() == [
        on.Provisional(leg.key, 183, media=True),
        on.Provisional(silent.key, 183, media=False),
    ]


async def test_audio_that_begins_to_flow_before_the_answer_is_told_as_early_media(running: Running) -> None:
    ringing, answered = running.leg(flowing=True), running.leg(flowing=True)
    ringing.early = answered.early = answered.answered = True
    running.emit(on.AudioChanged(ringing.key))
    running.emit(on.AudioChanged(answered.key))
    assert await running.turns() == [on.Provisional(ringing.key, 183, media=True)]


async def test_an_answer_that_is_on_hold_at_once_is_one_with_audio(running: Running) -> None:
    silent, held, flowing = running.leg(), running.leg(), running.leg(flowing=True)
    held.held = True
    for leg in (silent, held, flowing):
        running.emit(on.Confirmed(leg.key))
    assert await running.turns() == [
        on.Confirmed(silent.key, audio=False),
        on.Confirmed(held.key, audio=True),
        on.Confirmed(flowing.key, audio=True),
    ]


async def test_the_tick_polls_and_comes_again_and_says_how_late_it_was(running: Running) -> None:
    loop = asyncio.get_running_loop()
    running.leg()
    running.pump.tick(loop.time())
    for number in (2, 3):
        running.clock.push(0.5)
        await running.turns()
        assert running.library.polls == number
    assert all(0.4 < lag < 0.6 for lag in running.lags[1:])
    running.pump._timer.cancel()  # type: ignore[union-attr]  # it has ticked


def broken(_: object) -> None:
    raise RuntimeError("planned")


async def test_without_calls_it_comes_a_tenth_as_often(running: Running) -> None:
    running.pump.tick(asyncio.get_running_loop().time())
    polls = []
    for lingering, leg in ((0, False), (1, False), (0, True)):
        running.lingering = lingering
        if leg:
            running.leg()
        running.clock.push(0.2)  # whatever was due
        await running.turns()
        running.clock.push(0.05)
        before = running.library.polls
        await running.turns()
        polls.append(running.library.polls - before)
    assert polls == [0, 1, 1]


async def test_an_error_in_any_part_of_the_tick_ends_neither_it_nor_the_other_parts(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    traced: list[object] = []
    monkeypatch.setattr(trace, "drain", lambda _: ["a message"])
    loop = asyncio.get_running_loop()
    for place in ("_lag", "_trace"):
        monkeypatch.setattr(running.stack, place, broken)
    monkeypatch.setattr(native, "probes", lambda: [(1, 200), (2, 200)])
    probed: list[int] = []
    running.stack._probes._waiting = {1: broken, 2: probed.append}
    running.library.polled = lambda: broken(None)
    loop.call_soon(running.pump.tick, loop.time())
    await running.turns()
    assert running.errors == ["poll: planned", "lag: planned", "probe: planned", "trace: planned"]
    assert probed == [200]
    monkeypatch.setattr(running.stack, "_trace", traced.append)
    running.clock.push(1)
    await running.turns()
    assert (running.library.polls, len(traced), running.escaped) == (2, 1, [])
    running.pump._timer.cancel()  # type: ignore[union-attr]  # it has ticked


async def test_an_error_of_whoever_is_told_of_an_event_loses_none_behind_it(running: Running) -> None:
    second = on.RefusedByStack("192.0.2.8", MESSAGE, 500, "second")

    def broken_once(event: on.StackEvent) -> None:
        if event is REFUSED:
            broken(event)
        running.reported.append(event)

    running.stack._report = broken_once
    running.emit(REFUSED)
    running.emit(second)
    assert await running.turns() == [second]
    assert running.errors == ["event: planned"]
