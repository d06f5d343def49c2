# SPDX-License-Identifier: GPL-3.0-or-later
"""What a leg asks of its native call."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

import pjsua2
import pytest

from agent.core.model import Latch
from agent.sip import events as on
from agent.sip.audio import LegAudio
from agent.sip.leg import Leg

BYE = 0


class Native:
    """A native call that notes how it is answered."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.statuses: list[int] = []
        self.latches: list[tuple[int, int]] = []
        self.refuses = False
        monkeypatch.setattr(pjsua2, "handoff_call_end", self._end)
        monkeypatch.setattr(pjsua2, "handoff_call_answer", self._answer)

    def _end(self, _: int, status: int, __: str, ___: str) -> int:
        self.statuses.append(status or BYE)
        return 0

    def _answer(self, number: int, status: int, _: str, latch: int) -> int:
        if self.refuses:
            return -1
        self.statuses.append(status)
        self.latches.append((number, latch))
        return 0


class NoAudio:
    """Audio that nobody carries."""

    def close(self) -> None:
        """The leg is gone."""


@pytest.fixture
def told() -> list[on.LegEvent]:
    return []


@pytest.fixture
def native(monkeypatch: pytest.MonkeyPatch) -> Native:
    return Native(monkeypatch)


@pytest.fixture
def leg(native: Native, told: list[on.LegEvent]) -> Leg:  # noqa: ARG001 - it is answered there
    made = Leg(cast("Callable[[str], LegAudio]", lambda _: NoAudio()), told.append, dialled=False)
    made.number = 7
    return made


def test_each_word_of_progress_reaches_the_caller_once(native: Native, leg: Leg) -> None:
    leg.ring(180, media=False)
    leg.ring(180, media=False)
    leg.ring(183, media=True)
    leg.ring(183, media=True)
    leg.ring(181, media=True)  # pjsua announces early media by a 183, and that is known
    leg.ring(180, media=False)
    leg.answer()
    assert native.statuses == [180, 183, 180, 200]


@pytest.mark.parametrize(("latch", "mode"), [("strict", 0), ("once", 1), ("off", 2)])
def test_whose_rtp_is_taken_is_settled_before_any_can_come(
    native: Native, leg: Leg, latch: Latch, mode: int
) -> None:
    leg.latch = latch
    leg.ring(183, media=True)
    assert native.latches == [(7, mode)]


def test_one_that_can_t_be_answered_was_not_wanted_to_end(native: Native, leg: Leg) -> None:
    native.refuses = True
    assert not leg.answer()
    assert native.statuses == [500], "it is ended all the same"
    assert not leg.leaving
    leg.hang_up()
    assert leg.leaving


async def test_a_digit_is_told_with_its_length_until_the_leg_ends(leg: Leg, told: list[on.LegEvent]) -> None:
    presses = leg.presses
    presses.down("5")
    presses.up("5", 600)
    presses.down("6")
    leg.dispose()
    assert told == [on.Digit(leg.key, "5", 600)]


async def test_what_comes_after_the_bye_waits_with_it_for_the_answer_to_a_notify(
    native: Native, leg: Leg
) -> None:
    after: list[list[int]] = []
    leg.when_left(lambda: after.append([]))
    leg._notifying = True
    leg.hang_up()
    leg.when_left(lambda: after.append(list(native.statuses)))
    assert after == [[]]
    leg.notified()
    assert after == [[], [BYE]]
    leg.notified()
    assert native.statuses == [BYE]


async def test_nothing_waits_for_the_bye_of_a_leg_that_is_gone(leg: Leg) -> None:
    leg._notifying = True
    leg.hang_up()
    gone = asyncio.Event()
    leg.when_left(gone.set)
    leg.dispose()
    await gone.wait()
