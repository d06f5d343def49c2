# SPDX-License-Identifier: GPL-3.0-or-later
"""A node that listens on IPv6: media runs there both ways."""

from __future__ import annotations

import asyncio
import re
from types import TracebackType
from typing import Self

import pytest

from agent.simulators.g711 import FRAME
from agent.simulators.messages import WireMessage
from tests.calls.harness.dialog import HandCaller, HandVoiceAgent
from tests.calls.harness.house import House, identity, new_contact
from tests.calls.harness.plan import Change, Plan, carrier
from tests.calls.harness.sip_socket import SipSocket, offer
from tests.calls.harness.waiting import eventually

pytestmark = pytest.mark.calls

NUMBER = "9995550420"
CONNECTED = {"p1": "Connected"}
_AUDIO = re.compile(r"m=audio (\d+) .*c=IN IP6 (\S+)\r\n", re.DOTALL)


@pytest.fixture(scope="module")
def change() -> Change:
    """Everything on ::1."""

    def six(plan: Plan) -> None:
        plan.agent["sip"]["listen"] = [f"udp://[::1]:{plan.sip}"]
        plan.carriers["carriers"]["six"] = carrier("::1/128")
        project = plan.add("acme-six", NUMBER)
        project["voice_agent"] = {
            **project["voice_agent"],
            "targets": [{"uri": f"sip:bot@[::1]:{plan.first}"}],
        }

    return six


class SixSocket(SipSocket):
    """The same on ::1: what is written for 127.0.0.1 leaves with that address instead.

    Attributes:
        keeps_bodies: whether SDP goes on saying IPv4.
    """

    def __init__(self, agent: int, port: int = 0) -> None:
        super().__init__(agent, "::1", port)
        self._agent = ("::1", agent)
        self.keeps_bodies = False

    def send(self, data: bytes) -> None:
        """Send a datagram to the agent."""
        head, _, body = data.partition(b"\r\n\r\n")
        head = head.replace(b"127.0.0.1", b"[::1]").replace(b"@::1:", b"@[::1]:")
        if not self.keeps_bodies:
            body = body.replace(b"IP4 127.0.0.1", b"IP6 ::1")
        head = re.sub(rb"Content-Length: \d+", b"Content-Length: %d" % len(body), head)
        super().send(head + b"\r\n\r\n" + body)


class Ear(asyncio.DatagramProtocol):
    """An RTP end on ::1."""

    def __init__(self) -> None:
        self.got = 0
        self._wire: asyncio.DatagramTransport | None = None
        self._sent = 0

    async def __aenter__(self) -> Self:
        """Open a port."""
        loop = asyncio.get_running_loop()
        self._wire, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=("::1", 0))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        assert self._wire is not None
        self._wire.close()

    @property
    def port(self) -> int:
        """Its port."""
        assert self._wire is not None
        port: int = self._wire.get_extra_info("sockname")[1]
        return port

    def datagram_received(self, data: bytes, addr: object) -> None:
        """Count a packet of RTP."""
        _ = addr
        self.got += len(data) == 12 + FRAME

    def speaks_to(self, place: tuple[str, int]) -> bool:
        """Send one packet of G.711 there."""
        assert self._wire is not None
        self._sent += 1
        head = bytes((0x80, 0)) + self._sent.to_bytes(2, "big") + (self._sent * FRAME).to_bytes(4, "big")
        self._wire.sendto(head + self.port.to_bytes(4, "big") + b"\xd5" * FRAME, place)
        return True


def audio(message: WireMessage) -> tuple[str, int]:
    """Where the sender of an SDP takes audio."""
    found = _AUDIO.search(message.body)
    assert found, message.body
    return found[2], int(found[1])


def caller_on(house: House, wire: SixSocket, contact: str, rtp_port: int) -> HandCaller:
    """A caller who has not called yet."""
    uri = f"sip:{NUMBER}@127.0.0.1:{house.plan.sip}"
    return HandCaller(wire, uri, tuple(identity(contact).split("\r\n")), rtp_port)


async def both_hear(ear: Ear, mouth: Ear, ours: tuple[str, int], theirs: tuple[str, int]) -> None:
    """Speak from both ends until each has heard some more."""
    heard, said = ear.got + 9, mouth.got + 9
    await eventually(
        lambda: ear.speaks_to(ours) and mouth.speaks_to(theirs) and ear.got > heard and mouth.got > said,
        what="audio both ways",
        every=0.02,
    )


async def test_an_offer_of_ipv4_audio_is_refused_with_488(house: House) -> None:
    async with SixSocket(house.plan.sip) as near:
        near.keeps_bodies = True
        caller = caller_on(house, near, new_contact(), 4000)
        caller.invite()
        await caller.answered("INVITE", 488)
    await house.at_rest()


async def test_audio_runs_over_ipv6_both_ways_and_an_offer_of_ipv4_in_the_call_is_488_and_ends_nothing(
    house: House,
) -> None:
    contact = new_contact()
    async with (
        Ear() as ear,
        Ear() as mouth,
        SixSocket(house.plan.sip, house.plan.first) as far,
        SixSocket(house.plan.sip) as near,
    ):
        caller, bot = caller_on(house, near, contact, ear.port), HandVoiceAgent(far, mouth.port, contact)
        caller.invite()
        invite = await bot.asked("INVITE")
        bot.answer(invite, 200)
        await caller.answered("INVITE", 200)
        caller.in_dialog("ACK", 1)
        ours, theirs = audio(caller.answers("INVITE", 200)[0]), audio(invite)
        assert (ours[0], theirs[0]) == ("::1", "::1")
        await both_hear(ear, mouth, ours, theirs)
        near.keeps_bodies = True
        caller.in_dialog("INVITE", 2, body=offer(ear.port))
        await caller.answered("INVITE", 488)
        await both_hear(ear, mouth, ours, theirs)
        caller.in_dialog("BYE", 3)
        await caller.answered("BYE", 200)
        await bot.asked("BYE")
    await house.signalled(contact, CONNECTED)
    await house.at_rest()
