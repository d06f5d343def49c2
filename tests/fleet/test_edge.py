# SPDX-License-Identifier: GPL-3.0-or-later
"""The front's other ways: TLS, REFER to the caller, the third leg by a trunk, no agent that takes calls."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.calls.harness.cxone import Cxone
from tests.calls.harness.house import House, identity, new_contact
from tests.calls.harness.plan import BRIDGE, CARE, REFER, SECRETS, VOICE_AGENT, Plan, carrier
from tests.calls.harness.ports import free_port
from tests.calls.harness.sipp import Sipp
from tests.calls.harness.waiting import eventually
from tests.fleet.harness.fleet import CARRIER
from tests.fleet.harness.kamailio import ADDRESS, Kamailio
from tests.fleet.harness.peer import Peer, over_tls, over_udp

pytestmark = [pytest.mark.calls, pytest.mark.slow, pytest.mark.soak, pytest.mark.timeout(300)]

TRUNK = "127.0.0.5"


@asynccontextmanager
async def edge(cxone: Cxone, folder: Path, trunk: int = 0) -> AsyncIterator[tuple[Kamailio, House]]:
    """One agent behind a front that listens over TLS, too."""
    front, plan = Kamailio(folder / "kamailio", tls=free_port()), Plan(cxone.port)
    node = {"name": "edge-test", "sip": f"sip:127.0.0.21:{plan.sip}"}
    trunks = [f"sip:{TRUNK}:{trunk}"] if trunk else []
    plan.agent |= {"fleet": {"nodes": [node], "trunks": trunks}}
    plan.agent["sip"] = {"listen": [f"udp://127.0.0.21:{plan.sip}"], "trusted_proxies": [ADDRESS]}
    plan.projects["acme-bridge"]["handoff"]["target"] = f"sip:queue@{ADDRESS}:{front.port}"
    plan.carriers = {"unknown_source": "drop", "carriers": {"test": carrier(CARRIER)}}
    house = House(plan, cxone, folder)
    bot = Sipp("load/voice_agent.xml", port=plan.first, address=VOICE_AGENT, calls=0, limit=300)
    try:
        async with bot:
            await asyncio.to_thread(house.start)
            await asyncio.to_thread(front.learn, house.config, SECRETS)
            await asyncio.to_thread(front.start)
            yield front, house
    finally:
        front.stop()
        house.agent.kill()


async def up(peer: Peer, front: Kamailio, number: str, agent: str = "127.0.0.21") -> str:
    """Call through the front until the call is up; gives its contact."""
    contact, port = new_contact(), front.tls if peer.transport == "TLS" else front.port
    uri = f"sip:{number}@{front.address}:{port};transport={peer.transport.lower()}"

    async def taken() -> bool:
        peer.got.clear()
        peer.call_id += "x"
        peer.invite(uri, *identity(contact).split("\r\n"))
        await eventually(lambda: any(one.status >= 200 for one in peer.got), 60, "an answer to the INVITE")
        return any(one.status == 200 for one in peer.got)  # 503 until the front has asked the agent

    await eventually(taken, 60, "the front knows that the agent is there", every=0.5)
    answer = await peer.answered()
    shown = "\n".join(f"{name}: {value}" for name, value in answer.headers)
    assert f"{agent}:" not in shown, "a carrier sees no address of an agent"
    return contact


async def ended(house: House, contact: str) -> dict[str, Any]:
    """Wait for the record of the contact's call."""

    def rows() -> list[dict[str, Any]]:
        return [row for row in house.records.finished() if row["contact_id"] == contact]

    return (await eventually(rows, 60, "the call is on record"))[0]


async def handed_off(house: House, project: str, contact: str) -> None:
    """Ask for the handoff."""
    body = {"contact_id": contact, "destination": "CARE"}
    reply = await asyncio.to_thread(house.api, "POST", f"/v1/acme/{project}/handoffs", body)
    assert reply.status == 202, reply.text


async def test_a_carrier_calls_over_tls(cxone: Cxone, tmp_path: Path) -> None:
    async with edge(cxone, tmp_path) as (front, house), over_tls(front.tls, CARRIER) as caller:
        contact = await up(caller, front, CARE)
        caller.ask("BYE", 2)
        await caller.response("BYE", 200)
        assert (await ended(house, contact))["end"] == "caller"


async def test_a_refer_reaches_the_caller_through_the_front(cxone: Cxone, tmp_path: Path) -> None:
    async with edge(cxone, tmp_path) as (front, house), over_udp(front.port, CARRIER) as caller:
        contact = await up(caller, front, REFER)
        await handed_off(house, "acme-refer", contact)
        refer = await caller.request("REFER")
        assert f"{ADDRESS}:{front.port}" in refer.first("Via")
        assert f":{house.plan.queue}" in refer.first("Refer-To")
        headers = ("Event: refer", "Subscription-State: terminated;reason=noresource")
        told = "SIP/2.0 200 OK\r\n"
        caller.ask(
            "NOTIFY",
            2,
            *headers,
            f"Contact: <{caller.contact}>",
            "Content-Type: message/sipfrag;version=2.0",
            body=told,
        )
        await caller.response("NOTIFY", 200)
        await caller.request("BYE")
        assert (await ended(house, contact))["end"] == "handoff"


async def test_the_third_leg_goes_out_by_a_trunk(cxone: Cxone, tmp_path: Path) -> None:
    async with over_udp(1, TRUNK) as queue:
        port = int(queue.local.rpartition(":")[2])
        async with edge(cxone, tmp_path, port) as (front, house), over_udp(front.port, CARRIER) as caller:
            queue.at(front.port)
            contact = await up(caller, front, BRIDGE)
            await handed_off(house, "acme-bridge", contact)
            invite = await queue.request("INVITE")
            assert f"{ADDRESS}:{front.port}" in invite.first("Via")
            await queue.request("ACK")
            caller.ask("BYE", 2)
            await caller.response("BYE", 200)
            bye = await queue.request("BYE")
            assert f"{ADDRESS}:{front.port}" in bye.first("Via"), "the front stays on the way"
            assert (await ended(house, contact))["end"] == "handoff"


async def test_where_no_agent_takes_calls_a_carrier_hears_503_and_when_to_come_again(
    cxone: Cxone, tmp_path: Path
) -> None:
    async with edge(cxone, tmp_path) as (front, house), over_udp(front.port, CARRIER) as caller:
        await up(caller, front, CARE)
        caller.ask("BYE", 2)
        await caller.response("BYE", 200)
        assert house.operations("POST", "/drain").status == 202
        async with over_udp(front.port, CARRIER) as late:  # before or after the front has asked the agent
            late.invite(f"sip:{CARE}@{ADDRESS}:{front.port}", *identity(new_contact()).split("\r\n"))
            answer = await late.response("INVITE", 503)
            assert answer.first("Retry-After")
