# SPDX-License-Identifier: GPL-3.0-or-later
"""How long an answer counts, who waits for it, and what is used where nobody answers."""

from __future__ import annotations

import asyncio

import pytest

from agent.core.errors import NamesError, NoSuchNameError
from agent.names import answers
from agent.names.answers import Answers, LookUp
from agent.names.found import Found

NAME = "bot.example"


class World:
    """The clock, and what the name server says."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.addresses: dict[str, str] = {NAME: "10.0.0.5"}
        self.ttl = 60.0
        self.failure: NamesError = NoSuchNameError("there is no such name")
        self.asked: list[str] = []
        self.told: list[LookUp] = []
        self.answering = asyncio.Event()
        self.answering.set()
        self.answers: Answers[str] = Answers(self._fetch, lambda: self.now, self.told.append)

    async def _fetch(self, name: str) -> Found[str]:
        self.asked.append(name)
        await self.answering.wait()
        if name not in self.addresses:
            raise self.failure
        return Found((self.addresses[name],), self.ttl)

    async def get(self, name: str = NAME) -> str:
        """The one address."""
        (address,) = await self.answers.get(name)
        return address


@pytest.fixture
async def world() -> World:
    return World()


@pytest.mark.parametrize(("ttl", "kept"), [(60, 60), (0, 1), (86400, 3600)])
async def test_an_answer_counts_for_its_ttl(world: World, ttl: float, kept: float) -> None:
    world.ttl = ttl
    await world.get()
    world.addresses[NAME] = "10.0.0.6"
    world.now += kept - 0.1
    assert await world.get() == "10.0.0.5"
    world.now += 0.2
    assert await world.get() == "10.0.0.6"
    assert len(world.asked) == 2


async def test_a_thousand_who_ask_at_once_are_one_look_up(world: World) -> None:
    world.answering.clear()
    asking = [asyncio.ensure_future(world.get()) for _ in range(1000)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    world.answering.set()
    assert set(await asyncio.gather(*asking)) == {"10.0.0.5"}
    assert world.asked == [NAME]


async def test_who_gives_up_does_not_end_the_look_up(world: World) -> None:
    world.answering.clear()
    first, second = asyncio.ensure_future(world.get()), asyncio.ensure_future(world.get())
    await asyncio.sleep(0)
    first.cancel()
    world.answering.set()
    assert await second == "10.0.0.5"
    assert first.cancelled()


async def test_a_slow_name_keeps_no_other_name_waiting(world: World) -> None:
    world.answering.clear()
    slow = [asyncio.ensure_future(world.get(f"slow{number}.example")) for number in range(60)]
    while len(world.asked) < len(slow):
        await asyncio.sleep(0)
    world.answering = asyncio.Event()
    world.answering.set()
    assert await world.get() == "10.0.0.5"
    assert not any(one.done() for one in slow)
    for one in slow:
        one.cancel()
    for flight in world.answers.flights():
        flight.cancel()


async def test_that_there_is_no_such_name_counts_for_a_few_seconds(world: World) -> None:
    world.addresses.clear()
    for _ in range(3):
        with pytest.raises(NoSuchNameError):
            await world.get()
    assert len(world.asked) == 1
    world.addresses[NAME] = "10.0.0.5"
    world.now += 5.1
    assert await world.get() == "10.0.0.5"
    assert world.told == [LookUp.ABSENT, LookUp.FOUND]


async def test_a_name_that_is_gone_is_gone_though_it_was_there(world: World) -> None:
    """Its old address may be somebody else's by now."""
    await world.get()
    world.addresses.clear()
    world.now += 61
    with pytest.raises(NoSuchNameError):
        await world.get()


async def test_where_nobody_answers_any_more_the_old_answer_stays_in_use(world: World) -> None:
    await world.get()
    world.addresses.clear()
    world.failure = NamesError("no name server answers")
    world.now += 3600
    for _ in range(3):
        assert await world.get() == "10.0.0.5"
    assert len(world.asked) == 2, "it is not asked for again at once"
    assert world.told == [LookUp.FOUND, LookUp.STALE]
    world.addresses[NAME] = "10.0.0.8"
    world.now += 31
    assert await world.get() == "10.0.0.8"


async def test_who_has_an_old_answer_does_not_wait_for_the_deadline(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "_PATIENCE_SECONDS", 0.01)
    await world.get()
    world.now += 61
    world.answering.clear()
    assert await world.get() == "10.0.0.5"
    (flight,) = world.answers.flights()
    world.addresses[NAME] = "10.0.0.6"
    world.answering.set()
    await flight
    assert await world.get() == "10.0.0.6"


async def test_silence_is_an_error_after_the_deadline_and_then_at_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "LONGEST_LOOK_UP", 0.01)
    world.answering.clear()
    for _ in range(3):
        with pytest.raises(NamesError, match=r"^bot\.example can't be looked up: no name server answers$"):
            await world.get()
    assert world.asked == [NAME]
    assert world.told == [LookUp.FAILED]


async def test_names_that_peers_make_up_do_not_fill_the_memory(world: World) -> None:
    for number in range(answers._REMEMBERED + 10):
        world.addresses[f"n{number}"] = "10.0.0.1"
        await world.get(f"n{number}")
    assert len(world.answers._kept) == answers._REMEMBERED
