# SPDX-License-Identifier: GPL-3.0-or-later
"""Names in SIP and SDP on a node whose name server is silent: none is looked up, and nobody waits."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from tests.calls.harness.cxone import Cxone
from tests.calls.harness.dialog import HandCaller, HandVoiceAgent
from tests.calls.harness.house import House, identity, new_contact
from tests.calls.harness.plan import CARE, VOICE_AGENT, Plan
from tests.calls.harness.ports import free_rtp_port
from tests.calls.harness.sip_socket import SipSocket, offer, request
from tests.calls.harness.waiting import eventually
from tests.harness.network import may_have_own_network

pytestmark = pytest.mark.calls

NAME = "host.invalid"


@pytest.fixture(scope="module")
def name_server() -> Iterator[socket.socket]:
    """A name server that takes questions and answers none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        try:
            server.bind(("127.0.0.1", 53))
        except OSError as error:
            pytest.skip(f"port 53 is not to be had: {error}")
        server.setblocking(False)  # noqa: FBT003 - the socket's own signature
        yield server


@pytest.fixture(scope="module")
def house(
    cxone: Cxone, name_server: socket.socket, flavour: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[House]:
    """An agent that has this name server and no other."""
    _ = flavour, name_server
    if not may_have_own_network():
        pytest.skip("no namespaces here")
    folder = tmp_path_factory.mktemp("house")
    resolving = folder / "resolv.conf"
    resolving.write_text("nameserver 127.0.0.1\n")
    house = House(Plan(cxone.port), cxone, folder)
    hide = f'mount --bind {resolving} /etc/resolv.conf && exec "$@"'
    house.agent.within = ("/usr/bin/unshare", "--mount", "/bin/sh", "-c", hide, "sh")
    house.start()
    yield house
    house.close()


@pytest.fixture(autouse=True)
def nobody_asks(name_server: socket.socket, house: House) -> Iterator[None]:
    """Hold the agent to not having asked the name server."""
    yield
    with pytest.raises(BlockingIOError):
        name_server.recv(512)
    assert house.agent.running, house.agent.tail()


async def test_a_maddr_is_not_looked_up(house: House) -> None:
    async with SipSocket(house.plan.sip) as wire:
        options = request("OPTIONS", f"sip:127.0.0.1:{house.plan.sip}", wire)
        wire.send(options.replace(b";rport", f";maddr={NAME}".encode()))
        await eventually(lambda: 200 in wire.statuses(), what="OPTIONS is answered where it came from")


async def test_an_offer_by_name_is_refused(house: House) -> None:
    async with SipSocket(house.plan.sip) as wire:
        wire.acknowledges = True
        lines, body = tuple(identity(new_contact()).split("\r\n")), offer(4000)
        to = f"sip:{CARE}@127.0.0.1:{house.plan.sip}"
        wire.send(
            request(
                "INVITE", to, wire, headers=lines, body=body.replace("c=IN IP4 127.0.0.1", f"c=IN IP4 {NAME}")
            )
        )
        await eventually(lambda: [code for code in wire.statuses() if code >= 300], what="a refusal")
        wire.send(request("OPTIONS", f"sip:127.0.0.1:{house.plan.sip}", wire))
        await eventually(lambda: 200 in wire.statuses(), what="OPTIONS is answered")
    await house.at_rest()


async def test_both_ends_of_a_call_have_names(house: House) -> None:
    contact = new_contact()
    lines = tuple(identity(contact).split("\r\n"))
    async with (
        SipSocket(house.plan.sip, contact=f"sip:wire@{NAME}") as near,
        SipSocket(house.plan.sip, VOICE_AGENT, house.plan.first, contact=f"sip:bot@{NAME}") as far,
    ):
        caller = HandCaller(near, f"sip:{CARE}@127.0.0.1:{house.plan.sip}", lines, free_rtp_port())
        bot = HandVoiceAgent(far, free_rtp_port(), contact)
        caller.invite()
        bot.answer(await bot.asked("INVITE"), 200)
        await caller.answered("INVITE", 200)
        caller.in_dialog("ACK", 1)
        assert (await bot.asked("ACK")).start_line.split()[1] == f"sip:bot@{NAME}"
        named = offer(4000).replace("c=IN IP4 127.0.0.1", f"c=IN IP4 {NAME}")
        caller.in_dialog("INVITE", 2, body=named)
        await caller.answered("INVITE", 488)
        caller.in_dialog("BYE", 3)
        await caller.answered("BYE", 200)
        await bot.asked("BYE")
    await house.at_rest()
