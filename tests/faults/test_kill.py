# SPDX-License-Identifier: GPL-3.0-or-later
"""kill -9 at every step between INVITE and the accepted signal; afterwards the books of all sides agree.

Each round takes 30 calls that end in different ways, so one kill finds calls at all steps. The next round
begins on the same database, and some are killed again while they settle what the last one left.
"""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from tests.calls.harness.cxone import Cxone
from tests.calls.harness.house import House, new_contact
from tests.calls.harness.plan import Plan
from tests.calls.harness.waiting import eventually
from tests.faults.harness.audit import Books, ledger, mistakes
from tests.faults.harness.crowd import Crowd, Way
from tests.faults.harness.front import Front
from tests.faults.harness.killer import DiskWatch, Killer, Strike

CALLS = 30
PATIENCE = 60.0
WAYS = [
    *[Way.COMPLETED] * 8,
    *[Way.HANDOFF] * 8,
    *[Way.HUNG_UP] * 2,
    *[Way.CANCELLED] * 2,
    *[Way.NO_AGENT] * 2,
    Way.STAYS,
]
STEPS = (
    "INVITE sent",
    "100 INVITE at the caller",
    "call recording on disk",
    "arrival sending on disk",
    "arrival request",
    "INVITE at the voice agent",
    "call bridged on disk",
    "180 INVITE at the caller",
    "200 INVITE at the caller",
    "ACK at the voice agent",
    "arrival answer in hand",
    "arrival answer returned",
    "480 INVITE at the caller",
    "487 INVITE at the caller",
    "200 BYE at the caller",
    "200 BYE at the voice agent",
    "handoff asked",
    "handoff promised",
    "terminal sending on disk",
    "terminal request",
    "terminal answer in hand",
    "terminal answer returned",
    "BYE at the voice agent",
    "BYE at the caller",
)
"""In the order in which a call goes through them."""
CERTAIN = ("INVITE sent", "100 INVITE at the caller", "arrival request", "INVITE at the voice agent")
"""Steps of each call, which a round sees more often than a strike waits for."""
MOST_OFTEN = {"480 INVITE at the caller": 2, "487 INVITE at the caller": 2, "log-in request": 1}
"""How often a round surely sees a step that is rare."""
AT_START = ("log-in request", "terminal recorded on disk", "terminal request", "terminal answer returned")
"""Steps of a process that settles what an earlier one left."""


def plan_of(front: Front) -> Plan:
    """A node whose calls end soon, of a tenant behind the door."""
    plan = Plan(front.port)
    plan.agent["media"]["silence_timeout"] = "10m"
    plan.projects["acme-care"]["handoff"] = {"deadline": "1s", "wait_for_bye": "300ms"}
    return plan


class Rounds:
    """One agent that is killed again and again."""

    def __init__(self, house: House, front: Front, crowd: Crowd, killer: Killer, seed: int) -> None:
        self._house, self._front, self._crowd, self._killer = house, front, crowd, killer
        self._random = random.Random(seed)  # noqa: S311 - the same kills again for the same seed

    async def kill_at(self, step: str, *, at_start: bool) -> None:
        """Start the agent, give it calls, and kill it at a step."""
        choose = self._random
        micros = choose.choice((0, 0, choose.randrange(300), choose.randrange(5000)))
        strike = Strike(step, choose.randint(1, MOST_OFTEN.get(step, 3 if at_start else 12)), micros)
        if at_start:
            self._killer.arm(strike)
        await self.start()
        if not at_start:
            self._killer.arm(strike)
        for _ in range(CALLS):
            if self._killer.struck:
                break
            self._crowd.call(new_contact(), choose.choice(WAYS), talk=choose.uniform(0, 0.3))
            await asyncio.sleep(choose.uniform(0, 0.02))
        try:
            await eventually(
                lambda: self._killer.struck or (not self._crowd.unfinished and self._settled()), PATIENCE
            )
        except AssertionError:
            left = [(call.way.value, call.seen) for call in self._crowd.unfinished]
            raise AssertionError(f"neither {step} nor the end of these calls: {left}") from None
        if (
            not self._killer.struck
        ):  # the step did not come that often: calls that stay up find out all the same
            self._killer.now()
        self._front.loses = choose.random() < 0.5
        await asyncio.to_thread(self._house.agent.kill)
        self._crowd.forget()
        await eventually(lambda: not self._front.under_way, what="what the dead agent had asked is over")
        self._front.loses = False

    async def start(self) -> None:
        """Start the agent; a strike may fall on it before it is ready."""
        try:
            await asyncio.to_thread(self._house.start)
        except AssertionError:
            if not self._killer.struck:
                raise

    def books(self) -> Books:
        """What is on disk."""
        return Books.read(self._house.folder / "agent.db")

    def _settled(self) -> bool:
        return all(signal["state"] not in ("recorded", "sending") for signal in self.books().signals)


async def killed(cxone: Cxone, folder: Path, times: int, seed: int) -> None:
    """Kill an agent ``times`` times at seeded steps and hold it to the promise."""
    choose = random.Random(seed)  # noqa: S311 - as above
    deck: list[tuple[str, bool]] = []
    while len(deck) < times:
        steps = [(step, False) for step in STEPS] + [(step, True) for step in AT_START]
        deck += choose.sample(steps, len(steps))
    cxone.fault(signal={"status": 503, "share": 0.1})  # so that some are repeated, and rightly
    async with Front(cxone.port) as front:
        house = House(plan_of(front), cxone, folder)
        killer = Killer(house)
        front.on = killer.see
        front.delay = lambda: choose.uniform(0, 0.03)
        async with Crowd(house, killer.see) as crowd, DiskWatch(folder / "agent.db", killer):
            rounds = Rounds(house, front, crowd, killer, seed)
            try:
                for step, at_start in deck[:times]:
                    await rounds.kill_at(step, at_start=at_start)
                await rounds.start()
                await eventually(lambda: rounds.books().settled, 60, "nothing is stuck")
                books = rounds.books()
                await asyncio.to_thread(house.agent.stop)
            finally:
                house.agent.kill()
            found = mistakes(books, ledger(cxone), crowd.calls)
            assert not found, f"seed {seed}:\n" + "\n".join(found)
            assert len(books.calls) > times, "calls were taken in between"
            missed = {step for step, _ in deck[:times]} & {*CERTAIN} - {*killer.hits}
            assert not missed, f"some steps no kill fell on: {missed}"


@pytest.mark.calls
@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_no_signal_is_lost_or_sent_twice_when_the_agent_is_killed(cxone: Cxone, tmp_path: Path) -> None:
    await killed(cxone, tmp_path, len(STEPS) + len(AT_START), seed=20)


@pytest.mark.soak
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", range(100, 104))
async def test_no_signal_is_lost_or_sent_twice_over_many_kills(
    cxone: Cxone, tmp_path: Path, seed: int
) -> None:
    await killed(cxone, tmp_path, 4 * (len(STEPS) + len(AT_START)), seed)
