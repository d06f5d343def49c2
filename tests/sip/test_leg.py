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
from agent.sip import leg as module
from agent.sip.audio import LegAudio
from agent.sip.leg import Leg
from agent.sip.presses import Presses

BYE = 0


class Native:
    """A native call that notes how it is answered, and keeps what tells of keys."""

    number = 7

    def __init__(self, leg: Leg, _: object, __: object, presses: Presses, ___: object) -> None:
        self.leg, self.presses = leg, presses
        self.statuses: list[int] = []
        self.refuses = False

    def hangup(self, parameters: pjsua2.CallOpParam) -> None:
        """The end was asked for: by BYE, or by this status."""
        self.statuses.append(parameters.statusCode or BYE)

    def answer(self, parameters: pjsua2.CallOpParam) -> None:
        """An answer was asked for."""
        if self.refuses:
            raise pjsua2.Error
        self.statuses.append(parameters.statusCode)


class NoAudio:
    """Audio that nobody carries."""

    def close(self) -> None:
        """The leg is gone."""


@pytest.fixture
def told() -> list[on.LegEvent]:
    return []


@pytest.fixture
def leg(monkeypatch: pytest.MonkeyPatch, told: list[on.LegEvent]) -> Leg:
    monkeypatch.setattr(module, "NativeCall", Native)
    return Leg(None, cast("Callable[[str], LegAudio]", lambda _: NoAudio()), told.append, 7)


def native(leg: Leg) -> Native:
    return cast("Native", leg._call)


def test_each_word_of_progress_reaches_the_caller_once(leg: Leg) -> None:
    leg.ring(180, media=False)
    leg.ring(180, media=False)
    leg.ring(183, media=True)
    leg.ring(183, media=True)
    leg.ring(181, media=True)  # pjsua announces early media by a 183, and that is known
    leg.ring(180, media=False)
    leg.answer()
    assert native(leg).statuses == [180, 183, 180, 200]


@pytest.mark.parametrize(("latch", "mode"), [("strict", 0), ("once", 1), ("off", 2)])
def test_whose_rtp_is_taken_is_settled_before_any_can_come(
    monkeypatch: pytest.MonkeyPatch, leg: Leg, latch: Latch, mode: int
) -> None:
    settled: list[tuple[int, int]] = []
    monkeypatch.setattr(pjsua2, "handoff_leg_latch", lambda *said: settled.append(said))
    leg.latch = latch
    leg.ring(183, media=True)
    assert settled == [(7, mode)]


def test_one_that_can_t_be_answered_was_not_wanted_to_end(leg: Leg) -> None:
    native(leg).refuses = True
    assert not leg.answer()
    assert native(leg).statuses == [500], "it is ended all the same"
    assert not leg.leaving
    leg.hang_up()
    assert leg.leaving


async def test_a_digit_is_told_with_its_length_until_the_leg_ends(leg: Leg, told: list[on.LegEvent]) -> None:
    presses = native(leg).presses
    presses.down("5")
    presses.up("5", 600)
    presses.down("6")
    leg.dispose()
    assert told == [on.Digit(leg.key, "5", 600)]


async def test_what_comes_after_the_bye_waits_with_it_for_the_answer_to_a_notify(leg: Leg) -> None:
    after: list[list[int]] = []
    leg.when_left(lambda: after.append([]))
    leg._notifying = True
    leg.hang_up()
    leg.when_left(lambda: after.append(list(native(leg).statuses)))
    assert after == [[]]
    leg.notified()
    assert after == [[], [BYE]]
    leg.notified()
    assert native(leg).statuses == [BYE]


async def test_nothing_waits_for_the_bye_of_a_leg_that_is_gone(leg: Leg) -> None:
    leg._notifying = True
    leg.hang_up()
    gone = asyncio.Event()
    leg.when_left(gone.set)
    leg.dispose()
    await gone.wait()
