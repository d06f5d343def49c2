# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that a load needs, on loopback: simulated CXone, agent with a configuration made for it."""

from __future__ import annotations

import secrets
import time
from collections import Counter
from pathlib import Path
from typing import Any, Final, Self

import aiohttp
import yaml

from agent.core.model import PORTS_PER_CALL
from agent.load.course import Nice
from agent.load.jobs import Route
from agent.load.plan import Plan
from agent.load.ports import Ports
from agent.load.scrape import Metrics
from agent.load.targets import Target
from agent.load.usage import Watched
from agent.simulators.cast import Cast
from agent.simulators.cxone.knobs import Tenant

NUMBER: Final = "9995550100"
_MEASURED: Final = "9995550101"  # the measured call's, whose voice agent speaks by itself
_HERE: Final = "127.0.0.1"
_SPARE_CALLS: Final = 20
_RATE_ROOM: Final = 3
_KEPT: Final = 200_000
_PAGE: Final = 10_000
_ADMITTED: Final = ("answered", "cancelled", "no_agent")
_TERMINAL: Final = ("handoff", "completed", "failed")


class Stage:
    """A simulated CXone and an agent. Use it with ``async with``; leaving ends both.

    Args:
        plan: the largest that is to run; room is made for it.
        highest: the highest rate that will be asked for, floods included.
        folder: where configuration, record and logs go.
        http: what is asked with.
    """

    def __init__(self, plan: Plan, highest: float, folder: Path, http: aiohttp.ClientSession) -> None:
        self._plan, self._highest, self._folder, self._http = plan, highest, folder, http
        self._cast = Cast(folder, http)
        self._ports = Ports(_HERE)
        self._token = secrets.token_urlsafe(16)
        self._sip, self._api, self._operations, self._cxone, self._bot, self._speaker = (
            self._ports.one() for _ in range(6)
        )

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self._cast.end()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._cast.end()

    @property
    def route(self) -> Route:
        """Whom calls are for."""
        return Route(self.target, NUMBER, self._token, answers_at=(_HERE, self._bot))

    @property
    def target(self) -> Target:
        """The agent."""
        return Target(_HERE, self._sip, "udp", _HERE)

    @property
    def measured(self) -> tuple[str, tuple[str, ...]]:
        """What the measured call dials, and its headers."""
        contact = str(time.time_ns() // 1000)
        return _MEASURED, (f"X-InContact-ContactId: {contact}", f"X-PolyAi-Auth-Token: {self._token}")

    @property
    def metrics(self) -> str:
        """URL of the agent's metrics."""
        return f"http://{_HERE}:{self._operations}/metrics"

    @property
    def watched(self) -> Watched:
        """The agent's process."""
        return Watched("agent", self._cast["agent"].pid)

    def gone(self) -> str | None:
        """Who has ended that should not have."""
        return self._cast.gone()

    async def nice(self, metrics: Metrics) -> Nice | None:
        """What the simulated CXone had of all that the agent was to tell it, since its start.

        Args:
            metrics: the agent's, at rest.

        Returns:
            None if it can't be asked any more.
        """
        try:
            return await self._nice(metrics)
        except (aiohttp.ClientError, TimeoutError):
            return None

    async def _nice(self, metrics: Metrics) -> Nice:
        invites = sum(metrics.total("handoff_invites_total", result=one) for one in _ADMITTED)
        ends = sum(metrics.total("handoff_calls_total", end=one) for one in _TERMINAL)
        counts = await self._ask("/simulator/counts")
        # One that still waits when its caller hangs up is withdrawn: NICE should not have it.
        due = round(invites + ends - metrics.total("handoff_signals_total", outcome="cancelled"))
        missing = max(0, due - int(counts["accepted"]))
        twice = await self._twice() if counts["signals"] <= _KEPT else max(0, int(counts["accepted"]) - due)
        return Nice(due, missing, twice)

    async def _twice(self) -> int:
        """Signals with the same contact and the same content that were accepted again."""
        times: Counter[tuple[str, str]] = Counter()
        after = 0
        while page := await self._ask(f"/simulator/signals?after={after}&limit={_PAGE}"):
            for entry in page:
                if entry["accepted"]:
                    times[entry["contact_id"], entry["parameters"].get("p1", "")] += 1
            after = page[-1]["number"]
        return sum(count - 1 for count in times.values())

    async def _ask(self, path: str) -> Any:  # noqa: ANN401 - JSON
        async with self._http.get(f"http://{_HERE}:{self._cxone}{path}") as answer:
            return await answer.json()

    # -- its parts -------------------------------------------------------------------------------------------

    def configure(self) -> Path:
        """Write the agent's configuration. Returns its folder."""
        config = self._folder / "config"
        for name, document in self._documents().items():
            path = config / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(document)
            path.chmod(0o600)
        return config

    async def _start(self) -> None:
        config = self.configure()
        await self._cast.cxone(f"{_HERE}:{self._cxone}")
        if self._plan.profile.listens:
            ports = str(self._ports.several(64))
            await self._cast.voice_agent(
                "voice-agent", f"{_HERE}:{self._speaker}", "--rtp-ports", ports, "--calls", "10"
            )
        await self._cast.agent(config, f"http://{_HERE}:{self._operations}")

    def _documents(self) -> dict[str, str]:
        tenant = Tenant()
        documents: dict[str, Any] = {
            "agent.yaml": self._node(),
            "carriers.yaml": {
                "carriers": {
                    "load": {"sources": [f"{_HERE}/32"], "token_header": "X-PolyAi-Auth-Token"},
                }
            },
            "numbers/load.yaml": {"numbers": {NUMBER: "load", _MEASURED: "measured"}},
            "projects/load.yaml": self._project("load", self._bot, tenant),
            "projects/measured.yaml": self._project("measured", self._speaker, tenant),
        }
        plain = {
            "secrets/token": self._token,
            "secrets/client": tenant.client_secret,
            "secrets/key": tenant.access_key_secret,
        }
        return {name: yaml.safe_dump(one, sort_keys=False) for name, one in documents.items()} | plain

    def _node(self) -> dict[str, Any]:
        calls = self._plan.at_once + _SPARE_CALLS
        return {
            "node": "load",
            "sip": {"listen": [f"udp://{_HERE}:{self._sip}", f"tcp://{_HERE}:{self._sip}"]},
            "media": {
                "rtp_ports": str(self._ports.several(calls * PORTS_PER_CALL)),
                "codecs": ["PCMU"],
                "silence_timeout": 0,  # most calls have no audio
            },
            "limits": {
                "calls": calls,
                "calls_per_second": max(100, round(self._highest * _RATE_ROOM)),
                "duration": "48h",
            },
            "http": {"api": f"{_HERE}:{self._api}", "operations": f"{_HERE}:{self._operations}"},
            "storage": f"sqlite://{self._folder / 'agent.db'}",
            "log": {"level": "warning", "format": "json", "numbers": "masked"},
        }

    def _project(self, name: str, port: int, tenant: Tenant) -> dict[str, Any]:
        return {
            "project": name,
            "account": "load",
            "environment": "sandbox",
            "token": "${file:secrets/token}",
            "api_key": "${file:secrets/token}",
            "voice_agent": {"targets": [{"uri": f"sip:bot@{_HERE}:{port}"}]},
            "cxone": {
                "issuer": f"http://{_HERE}:{self._cxone}",
                "business_unit": tenant.business_unit,
                "client_id": tenant.client_id,
                "client_secret": "${file:secrets/client}",
                "access_key_id": tenant.access_key_id,
                "access_key_secret": "${file:secrets/key}",
            },
            "signals": {
                "arrival": {"p1": "Connected"},
                "handoff": {"p1": "{destination}", "p2": "{skill}", "p3": "{reason}"},
                "completed": {"p1": "End"},
                "failed": {"p1": "Escalate", "p3": "{reason}"},
            },
            "handoff": {"method": "release", "wait_for_bye": "500ms"},
        }
