# SPDX-License-Identifier: GPL-3.0-or-later
"""An agent with a door to CXone and a crowd of peers, and what tests of faults wait for."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.calls.harness.cxone import Cxone
from tests.calls.harness.house import House, new_contact
from tests.calls.harness.metrics import total
from tests.calls.harness.plan import Change, Plan
from tests.calls.harness.ports import free_range
from tests.calls.harness.waiting import eventually
from tests.calls.harness.web import answers, ask
from tests.faults.harness.audit import Books, ledger, mistakes
from tests.faults.harness.crowd import Crowd, CrowdCall, Way
from tests.faults.harness.front import Front
from tests.faults.harness.killer import Killer

PORTS_PER_CALL = 4
AT_ONCE = 25


@dataclass
class Site:
    """All that one test of faults talks to."""

    cxone: Cxone
    house: House
    front: Front
    crowd: Crowd
    killer: Killer

    async def start(self) -> None:
        """Start the agent and wait until it is ready."""
        await asyncio.to_thread(self.house.start)

    async def stop(self) -> None:
        """End the agent and hold it to a clean end."""
        await asyncio.to_thread(self.house.agent.stop, 25)

    async def kill(self) -> None:
        """SIGKILL; the peers forget the dialogs. What is on its way to CXone stays on its way."""
        self.killer.now()
        await asyncio.to_thread(self.house.agent.kill)
        self.crowd.forget()

    async def drain(self) -> None:
        """SIGTERM, and wait until the agent says that it drains."""
        self.house.agent.send(signal.SIGTERM)
        await eventually(lambda: not answers(self.house.plan.operations, "/readyz"), what="draining")

    async def calls(
        self, count: int, way: Way, per_second: float = 100, *, talk: float = 0.0
    ) -> list[CrowdCall]:
        """Make calls at a rate."""
        begun = []
        for _ in range(count):
            begun.append(self.crowd.call(new_contact(), way, talk=talk))
            await asyncio.sleep(1 / per_second)  # traffic, not a wait
        return begun

    async def up(self, count: int) -> list[CrowdCall]:
        """Make calls that stay up, a few at a time, and wait until they are and CXone took their arrival."""
        begun: list[CrowdCall] = []
        while len(begun) < count:
            begun += await self.calls(min(AT_ONCE, count - len(begun)), Way.STAYS)
            await self.went_their_way()
        lost = [call.seen for call in begun if not call.up]
        assert not lost, f"{len(lost)} calls did not come up, among them {lost[:5]}"
        await eventually(lambda: not self.pending, 60, "arrivals are settled")
        return begun

    async def went_their_way(self, within: float = 60) -> None:
        """Wait until every call has come as far as its way leads."""
        try:
            await eventually(lambda: not self.crowd.unfinished, within)
        except AssertionError:
            left = [(call.contact_id, call.way.value, call.seen) for call in self.crowd.unfinished]
            raise AssertionError(f"{len(left)} calls are stuck, among them {left[:5]}") from None

    async def settled(self, within: float = 60) -> Books:
        """Wait until no call is up and no signal open; what stands on disk then."""

        def books() -> Books | None:
            found = self.books()
            return found if found.settled else None

        found = await eventually(books, within, "every call is over and every signal settled")
        assert found is not None
        return found

    def books(self) -> Books:
        """What stands on disk."""
        return Books.read(self.house.folder / "agent.db")

    def mistakes(self) -> list[str]:
        """Every breach of the promise."""
        return mistakes(self.books(), ledger(self.cxone), self.crowd.calls)

    @property
    def pending(self) -> float:
        """Signals that are not settled, by the agent's own count."""
        return total(self.house.metrics(), "handoff_signals_pending")

    def token_requests(self) -> int:
        """How many log-ins the simulator has seen."""
        return int(ask(self.cxone.port, "GET", "/simulator/tokens").json["requests"])


@asynccontextmanager
async def site(
    cxone: Cxone, folder: Path, change: Change | None = None, *, calls: int = 60
) -> AsyncIterator[Site]:
    """A site for so many calls at once, its agent not started yet, its simulator's ledger empty."""
    ask(cxone.port, "POST", "/simulator/reset")
    async with Front(cxone.port) as front:
        plan = Plan(front.port)
        low, high = free_range(calls * PORTS_PER_CALL)
        plan.agent["media"] |= {"rtp_ports": f"{low}-{high}", "silence_timeout": "10m"}
        plan.agent["limits"] |= {"calls": calls}
        plan.projects["acme-care"]["handoff"] = {"deadline": "1s", "wait_for_bye": "300ms"}
        # All voice agents are one process, and hundreds of INVITEs may come to it at once.
        plan.projects["acme-care"]["voice_agent"]["response_timeout"] = "5s"
        if change is not None:
            change(plan)
        house = House(plan, cxone, folder)
        killer = Killer(house)
        front.on = killer.see
        try:
            async with Crowd(house, killer.see) as crowd:
                yield Site(cxone, house, front, crowd, killer)
        finally:
            house.agent.kill()


def with_ttl(text: str) -> Callable[[Plan], None]:
    """A plan whose signals are of use for so long."""

    def change(plan: Plan) -> None:
        plan.projects["acme-care"]["signal_ttl"] = text

    return change
