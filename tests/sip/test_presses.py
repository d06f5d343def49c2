# SPDX-License-Identifier: GPL-3.0-or-later
"""A key that is held down is one digit, told when it ends, with its length."""

from __future__ import annotations

import asyncio

import pytest

from agent.core.digits import LONGEST, USUAL
from agent.sip import presses as module
from agent.sip.presses import Presses


async def test_a_digit_is_told_once_when_it_ends() -> None:
    told: list[tuple[str, int]] = []
    presses = Presses(lambda digit, length, _: told.append((digit, length)))
    presses.down("5")
    assert told == []
    presses.up("5", 700)
    assert told == [("5", 700)]


async def test_one_that_comes_whole_is_told_at_once() -> None:
    told: list[tuple[str, int]] = []
    Presses(lambda digit, length, _: told.append((digit, length))).up("#", 250)
    assert told == [("#", 250)]


async def test_the_end_that_was_lost_is_where_the_next_one_begins() -> None:
    told: list[tuple[str, int]] = []
    presses = Presses(lambda digit, length, _: told.append((digit, length)))
    presses.down("1")
    presses.down("2")
    presses.up("2", 90)
    presses.down("3")
    presses.up("4", 80)
    assert told == [("1", USUAL), ("2", 90), ("3", USUAL), ("4", 80)]


async def test_a_key_that_never_goes_up_is_told_after_the_longest_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: asyncio.Future[tuple[str, int]] = asyncio.get_running_loop().create_future()
    monkeypatch.setattr(module, "LONGEST", 50)
    presses = Presses(lambda digit, length, _: told.set_result((digit, length)))
    presses.down("8")
    assert await told == ("8", 50)
    presses.up("8", LONGEST)  # its end, when it comes after all, is nothing new: a second result would raise


async def test_a_digit_that_went_across_by_itself_is_told_as_one() -> None:
    told: list[tuple[str, bool]] = []
    presses = Presses(lambda digit, _, across: told.append((digit, across)))
    presses.down("1", across=True)
    presses.up("1", 90)
    presses.up("2", 90)
    presses.up("3", 90, across=True)
    assert told == [("1", True), ("2", False), ("3", True)]


async def test_nobody_is_told_after_the_leg_has_ended() -> None:
    told: list[tuple[str, int]] = []
    presses = Presses(lambda digit, length, _: told.append((digit, length)))
    presses.down("1")
    presses.close()
    presses.close()
    assert told == []
