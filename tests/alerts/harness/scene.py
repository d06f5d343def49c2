# SPDX-License-Identifier: GPL-3.0-or-later
"""A real agent that Prometheus scrapes, and what tests wait for: alerts that fire, alerts that are over."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.alerts.harness.prometheus import FASTER, Prometheus
from tests.calls.harness.cxone import Cxone
from tests.calls.harness.plan import Change
from tests.calls.harness.waiting import eventually
from tests.faults.harness.site import Site, site

_LONGEST = 90.0
"""Until an alert fires, on a busy machine: the slowest is about something that has lasted 30 s."""


@dataclass
class Scene:
    """An agent with its neighbours, and who watches it.

    Attributes:
        fired: the alerts that fired so far, by name, each with its summary as it was written.
    """

    at: Site
    prometheus: Prometheus
    fired: dict[str, str]

    async def fire(self, *names: str) -> None:
        """Wait until these alerts have fired, all of them at some time."""
        await eventually(
            lambda: self._seen() >= set(names), _LONGEST, f"{names} fire", every=0.2
        )  # an alert about what is new is over soon

    async def are_over(self, *names: str) -> None:
        """Wait until none of these fires any more."""
        await eventually(
            lambda: not self.prometheus.firing() & set(names), _LONGEST, f"{names} are over", every=0.2
        )

    def _seen(self) -> set[str]:
        for alert in self.prometheus.alerts():
            texts = alert["annotations"]
            for text in texts.values():
                assert "<no value>" not in text, text
                assert "error expanding" not in text, text
            name = alert["labels"]["alertname"]
            assert texts["runbook_url"] == f"docs/operations.md#{name.lower()}"
            self.fired[name] = texts["summary"]
        return set(self.fired)


@asynccontextmanager
async def scene(
    cxone: Cxone,
    folder: Path,
    change: Change | None = None,
    *,
    calls: int = 60,
    factor: float = FASTER,
    beside: Sequence[int] = (),
) -> AsyncIterator[Scene]:
    """An agent that is up, scraped, and has no alert; ports of others that are scraped beside it."""
    async with site(cxone, folder, change, calls=calls) as at:
        prometheus = Prometheus(folder, [at.house.plan.operations, *beside], factor)
        await at.start()
        await asyncio.to_thread(prometheus.__enter__)
        try:
            await eventually(lambda: prometheus.query("handoff_node_state"), what="the agent is scraped")
            yield Scene(at, prometheus, {})
            assert not prometheus.broken_rules()
        finally:
            await asyncio.to_thread(prometheus.__exit__)
