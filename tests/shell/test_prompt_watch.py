# SPDX-License-Identifier: GPL-3.0-or-later
"""When a voice agent has finished its words, by a leg whose level is in the test's hand."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import cast

import pytest

from agent.calls.prompt_watch import PromptWatch
from agent.core.model.handoff import FinishPrompt
from agent.core.sides import Side
from agent.sip.leg import Leg
from tests.shell.harness.clock import Clock

FRAME, SILENCE = 0.02, 0.4
LOUD, QUIET = 3000, 0


class Speaker:
    """A voice agent's leg: one more packet at each look."""

    def __init__(self) -> None:
        self.level = LOUD
        self.received = 0

    def measure(self) -> SimpleNamespace:
        """What has come so far."""
        self.received += 1
        return SimpleNamespace(received=self.received)


class Watching:
    """A watch that has begun, and its clock."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock, self.speaker = Clock(monkeypatch), Speaker()
        self.finished: list[float] = []
        legs = {Side.AGENT: cast("Leg", self.speaker)}
        self.watch = PromptWatch(FinishPrompt(silence=SILENCE), legs, self._ends, self._took)
        self.watch.begin()

    async def passes(self, seconds: float, step: float = FRAME) -> None:
        """Let so much time pass, and the loop look after each step of it."""
        for _ in range(round(seconds / step)):
            self.clock.push(step + 0.001)
            for _ in range(3):
                await asyncio.sleep(0)

    def _ends(self) -> None:
        self.finished.append(self.clock.now())

    def _took(self, place: str, error: Exception) -> None:
        raise AssertionError(place) from error


@pytest.fixture
async def watching(monkeypatch: pytest.MonkeyPatch) -> Watching:
    return Watching(monkeypatch)


async def test_it_has_finished_once_it_was_silent_for_long_enough(watching: Watching) -> None:
    await watching.passes(2.0)
    watching.speaker.level = QUIET
    await watching.passes(SILENCE - 0.1)
    assert not watching.finished
    await watching.passes(0.2)
    assert len(watching.finished) == 1


async def test_a_word_begins_the_silence_anew(watching: Watching) -> None:
    for _ in range(4):
        watching.speaker.level = QUIET
        await watching.passes(SILENCE - 0.1)
        watching.speaker.level = LOUD
        await watching.passes(FRAME)
    assert not watching.finished


async def test_a_loop_that_stood_has_not_heard_that_there_was_silence(watching: Watching) -> None:
    """The first look after it falls between two words: that says nothing of what was spoken meanwhile."""
    await watching.passes(1.0)
    watching.speaker.level = QUIET
    await watching.passes(2.0, step=2.0)
    assert not watching.finished
    watching.speaker.level = LOUD
    await watching.passes(1.0)
    assert not watching.finished
    watching.speaker.level = QUIET
    await watching.passes(SILENCE + 0.1)
    assert len(watching.finished) == 1
