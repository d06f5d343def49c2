# SPDX-License-Identifier: GPL-3.0-or-later
"""Legs of different codecs: what is encoded for one end and sent back by it is decoded for the other."""

from __future__ import annotations

import re

import pytest

from tests.calls.harness.dialog import HandCaller
from tests.calls.harness.house import House
from tests.calls.harness.plan import Change, Plan
from tests.calls.harness.ports import free_rtp_port
from tests.calls.harness.rtp import RtpPeer
from tests.calls.harness.sip_socket import offer
from tests.calls.harness.talk import BOT_TONE
from tests.calls.harness.waiting import eventually
from tests.calls.test_relay import by_hand

pytestmark = [pytest.mark.calls, pytest.mark.usefixtures("ahead")]

CODECS = {"G722": (9, "G722/8000"), "opus": (111, "opus/48000/2")}


@pytest.fixture(scope="module")
def change() -> Change:
    """Every codec that there is."""

    def every(plan: Plan) -> None:
        plan.agent["media"]["codecs"] = ["PCMU", "PCMA", "G722", "opus"]

    return every


class Echo(RtpPeer):
    """An end that sends back what it hears."""

    def speak_to(self, port: int, address: str = "127.0.0.1") -> None:
        """Send what is heard there, and nothing of its own."""
        self._target = (address, port)

    def _readable(self) -> None:
        known = len(self.packets)
        super()._readable()
        for packet in self.packets[known:]:
            self._send(packet.payload_type, packet.payload, packet.timestamp, marker=False)


@pytest.mark.parametrize("codec", CODECS)
async def test_what_an_end_with_g_711_says_comes_back_from_one_that_has_only(
    house: House, codec: str
) -> None:
    number, name = CODECS[codec]
    async with RtpPeer(free_rtp_port(), BOT_TONE) as mouth, Echo(free_rtp_port()) as phone:
        head = offer(phone.port).partition("m=audio")[0]
        asked = f"{head}m=audio {phone.port} RTP/AVP {number}\r\na=rtpmap:{number} {name}\r\n"
        async with by_hand(house, phone, mouth, asked=asked) as (caller, _, call_id):
            await eventually(lambda: mouth.hears(BOT_TONE), 60, "its own tone, back from the caller")
            await house.tells(call_id, "audio is mixed: the legs have different codecs")
            assert _rtpmap(caller, number).lower() == name.lower()
    assert {packet.payload_type for packet in phone.packets} == {number}


def _rtpmap(caller: HandCaller, number: int) -> str:
    """What our answer calls a payload type."""
    body = caller.answers("INVITE", 200)[0].body
    found = re.search(rf"^a=rtpmap:{number} (\S+)", body, re.MULTILINE)
    return found[1] if found else ""
