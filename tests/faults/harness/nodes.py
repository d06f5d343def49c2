# SPDX-License-Identifier: GPL-3.0-or-later
"""Agents of one fleet, which know one another, on one database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from tests.calls.harness.cxone import Cxone
from tests.calls.harness.plan import API_KEY, Plan
from tests.calls.harness.ports import free_port
from tests.calls.harness.web import Reply, ask
from tests.faults.harness.crowd import CrowdCall
from tests.faults.harness.site import Site, site


@asynccontextmanager
async def fleet(
    cxone: Cxone,
    folder: Path,
    database: str,
    nodes: int = 2,
    change: Callable[[str, Plan], None] = lambda _node, _plan: None,
) -> AsyncIterator[list[Site]]:
    """So many agents, edge-1 and so on, started; the change is told the node's name."""
    names = [f"edge-{number}" for number in range(1, nodes + 1)]
    ports = {name: (free_port(), free_port(), free_port()) for name in names}
    listed = [
        {
            "name": name,
            "sip": f"sip:127.0.0.1:{sip}",
            "api": f"http://127.0.0.1:{api}",
            "operations": f"http://127.0.0.1:{operations}",
        }
        for name, (sip, api, operations) in ports.items()
    ]

    def planned(name: str) -> Callable[[Plan], None]:
        def plan_it(plan: Plan) -> None:
            plan.sip, plan.api, plan.operations = ports[name]
            plan.agent |= {
                "node": name,
                "storage": database,
                "fleet": {"nodes": listed, "token": "${env:FLEET_TOKEN}"},
                "http": {"api": f"127.0.0.1:{plan.api}", "operations": f"127.0.0.1:{plan.operations}"},
            }
            plan.agent["sip"] = {"listen": [f"udp://127.0.0.1:{plan.sip}"]}
            change(name, plan)

        return plan_it

    async with AsyncExitStack() as stack:
        sites = []
        for name in names:
            (folder / name).mkdir()
            sites.append(await stack.enter_async_context(site(cxone, folder / name, planned(name))))
        await asyncio.gather(*(at.start() for at in sites))
        yield sites


async def hand_off(at: Site, call: CrowdCall, query: str = "") -> Reply:
    """Ask this node for the handoff of a call, whoever has it."""
    body = {"call_id": call.agent_call_id, "destination": "billing", "skill": "4101", "reason": "asked"}
    return await api(at, "POST", f"/handoffs{query}", body)


async def api(at: Site, method: str, path: str, body: object = None, **headers: str) -> Reply:
    """Ask a node's handoff API."""
    return await asyncio.to_thread(
        ask, at.house.plan.api, method, f"/v1/acme/acme-care{path}", body, {"x-api-key": API_KEY, **headers}
    )


async def operations(at: Site, method: str, path: str, **headers: str) -> Reply:
    """Ask a node's operations listener."""
    return await asyncio.to_thread(
        ask, at.house.plan.operations, method, path, None, {"X-Requested-By": "test", **headers}
    )
