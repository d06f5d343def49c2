# SPDX-License-Identifier: GPL-3.0-or-later
"""Three agents on one PostgreSQL behind one Kamailio, each at an address of its own, and load through it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.calls.harness.cxone import Cxone
from tests.calls.harness.house import House
from tests.calls.harness.messages import SipMessage
from tests.calls.harness.metrics import total
from tests.calls.harness.plan import CARE, SECRETS, TOKEN, VOICE_AGENT, Plan, carrier
from tests.calls.harness.ports import free_port, free_range
from tests.calls.harness.sip_socket import SipSocket, request
from tests.calls.harness.sipp import Sipp
from tests.calls.harness.waiting import eventually
from tests.calls.harness.web import ask
from tests.faults.harness.site import PORTS_PER_CALL
from tests.fleet.harness.kamailio import ADDRESS, Kamailio

CARRIER = "127.0.0.3"
CALLS_PER_SECOND = 30
CALLS_AT_ONCE = 300
"""What one agent can carry: all of the fleet's, which last 4 s, with room for what is late."""
PATIENT = 20
"""Seconds: on a machine that stalls for two, all agents are silent at once, and callers would be refused."""
_TOLD = (" is out", " is back", "did not answer", "ERROR", "CRITICAL")
_LINES, _CALLS = 40, 5


@dataclass
class Fleet:
    """What a test talks to."""

    cxone: Cxone
    front: Kamailio
    agents: list[House]
    carriers: list[Sipp] = field(default_factory=list)

    def load(self, calls: int) -> Sipp:
        """So many calls at the fleet's rate."""
        carrier = Sipp(
            "fleet/caller.xml",
            self.front.port,
            keys={"number": CARE, "token": TOKEN, "contact_prefix": str(int(time.time()) % 10_000_000)},
            calls=calls,
            address=CARRIER,
            options=("-r", str(CALLS_PER_SECOND), "-l", str(calls)),
            limit=calls / CALLS_PER_SECOND + 90,
        )
        self.carriers.append(carrier)
        return carrier

    def answered(self) -> list[float]:
        """How many calls each agent has answered."""
        return [self.answered_by(agent) for agent in self.agents]

    def answered_by(self, agent: House) -> float:
        """How many calls this one has answered; none when it does not run."""
        if not agent.agent.running:
            return 0
        return total(agent.metrics(), "handoff_invites_total", result="answered")

    def evidence(self) -> str:
        """What each part says of calls that went wrong, for the text of a failed assertion."""
        said = self.front.log.read_text(errors="replace").splitlines()
        told = [line for line in said if any(word in line for word in _TOLD)]
        lines = [f"the front, {len(told)} of {len(said)} lines in {self.front.log}:", *told[-_LINES:]]
        for agent in self.agents:
            results = "dead"
            if agent.agent.running:
                found = {
                    f"{dict(labels).get('result')} {value:g}"
                    for (name, labels), value in agent.metrics().items()
                    if name == "handoff_invites_total" and value
                }
                results = ", ".join(sorted(found))
            lines.append(f"{agent.folder.name}: {results}; {agent.agent.log}")
        return "\n".join((*lines, *(line for carrier in self.carriers for line in _lost(carrier))))

    async def ready(self) -> None:
        """Wait until the front says to a carrier that calls may come."""
        async with SipSocket(self.front.port, CARRIER) as carrier:
            uri = f"sip:{ADDRESS}:{self.front.port}"

            def answered() -> bool:
                carrier.send(request("OPTIONS", uri, carrier))
                return any(answer[8:11] == b"200" for answer in carrier.got)

            await eventually(answered, 30, "an agent is ready")


def _lost(carrier: Sipp) -> Iterator[str]:
    """The messages of the first calls that did not come up and end in order."""
    by_call: dict[str, list[SipMessage]] = {}
    for message in carrier.messages():
        by_call.setdefault(message.header("Call-ID"), []).append(message)
    lost = [
        messages
        for messages in by_call.values()
        if "200 INVITE" not in {one.label for one in messages}
        or not {"200 BYE", "481 BYE"} & {one.label for one in messages}
    ]
    yield f"the carrier: {len(lost)} of {len(by_call)} calls lost or not over; {carrier.folder}"
    for messages in lost[:_CALLS]:
        yield messages[0].header("Call-ID")
        yield from (f"  {one.at:.3f} {'-->' if one.sent else '<--'} {one.start_line}" for one in messages)


@asynccontextmanager
async def fleet(cxone: Cxone, folder: Path, database: str, silence: int = PATIENT) -> AsyncIterator[Fleet]:
    """All of it, started; the front gives up an agent that says nothing for so many seconds."""
    ask(cxone.port, "POST", "/simulator/reset")
    front, voice_agent = Kamailio(folder / "kamailio", silence=silence), free_port()
    plans = [Plan(cxone.port, first=voice_agent) for _ in range(3)]
    nodes = [
        {"name": f"edge-{number}", "sip": f"sip:127.0.0.2{number}:{plan.sip}"}
        for number, plan in enumerate(plans, 1)
    ]
    for node, plan in zip(nodes, plans, strict=True):
        _change(plan, node, nodes, database)
    agents = [
        House(plan, cxone, _made(folder / node["name"])) for node, plan in zip(nodes, plans, strict=True)
    ]
    bot = Sipp("load/voice_agent.xml", port=voice_agent, address=VOICE_AGENT, calls=0, limit=300)
    try:
        async with bot:
            for agent in agents:  # one makes the tables
                await asyncio.to_thread(agent.start, 120)
            await asyncio.to_thread(front.learn, agents[0].config, SECRETS)
            await asyncio.to_thread(front.start)
            site = Fleet(cxone, front, agents)
            await site.ready()
            try:
                yield site
            except AssertionError as error:
                error.add_note(site.evidence())
                raise
    finally:
        front.stop()
        for agent in agents:
            agent.agent.kill()


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _change(plan: Plan, node: dict[str, Any], nodes: list[dict[str, Any]], database: str) -> None:
    plan.agent |= {"node": node["name"], "storage": database, "fleet": {"nodes": nodes}}
    listen = node["sip"].replace("sip:", "udp://")
    plan.agent["sip"] = {"listen": [listen], "trusted_proxies": [ADDRESS]}
    low, high = free_range(CALLS_AT_ONCE * PORTS_PER_CALL)
    plan.agent["media"] |= {"rtp_ports": f"{low}-{high}", "silence_timeout": "10m"}
    plan.agent["limits"] |= {"calls": CALLS_AT_ONCE}
    plan.agent["log"]["level"] = "info"
    plan.projects["acme-care"]["voice_agent"]["response_timeout"] = "5s"
    plan.carriers = {"unknown_source": "drop", "carriers": {"test": carrier(CARRIER)}}
