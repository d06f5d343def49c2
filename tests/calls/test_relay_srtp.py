# SPDX-License-Identifier: GPL-3.0-or-later
"""Audio that is relayed from an encrypted leg to a plain one, and back: each leg has its own keys or none."""

from __future__ import annotations

import asyncio
import base64
import socket
import struct

import pytest

from agent.simulators.g711 import FRAME
from tests.calls.harness.dialog import HandCaller, HandVoiceAgent
from tests.calls.harness.house import House, identity, new_contact
from tests.calls.harness.plan import CARE, VOICE_AGENT, Change, Plan
from tests.calls.harness.ports import free_rtp_port
from tests.calls.harness.sip_socket import SipSocket, audio_port, offer
from tests.calls.harness.srtp import Srtp

pytestmark = pytest.mark.calls

KEY = base64.b64encode(bytes(range(30))).decode()
CALLERS_SSRC, BOTS_SSRC = 0x11223344, 0x55667788


@pytest.fixture(scope="module")
def change() -> Change:
    """Encrypted audio is taken, and not asked for."""

    def optional(plan: Plan) -> None:
        plan.agent["media"]["srtp"] = "optional"

    return optional


def rtp_socket() -> socket.socket:
    """A bound socket for RTP."""
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind(("127.0.0.1", free_rtp_port()))
    made.setblocking(False)  # noqa: FBT003 - the socket's own signature
    return made


def frame(number: int, ssrc: int) -> bytes:
    """An RTP packet with a payload of its own."""
    head = struct.pack("!BBHII", 0x80, 0, 1000 + number, number * FRAME, ssrc)
    return head + bytes([0x80 | number & 0x3F]) * FRAME


async def test_what_is_encrypted_on_one_leg_is_plain_on_the_other(house: House) -> None:
    contact = new_contact()
    uri = f"sip:{CARE}@127.0.0.1:{house.plan.sip}"
    with rtp_socket() as phone, rtp_socket() as mouth:
        async with (
            SipSocket(house.plan.sip, VOICE_AGENT, house.plan.first) as far,
            SipSocket(house.plan.sip) as near,
        ):
            here, there = phone.getsockname()[1], mouth.getsockname()[1]
            caller = HandCaller(near, uri, tuple(identity(contact).split("\r\n")), here)
            crypto = f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}\r\n"
            body = offer(here).replace("RTP/AVP", "RTP/SAVP") + crypto
            caller.invite(body=body)
            bot = HandVoiceAgent(far, there, contact)
            invite = await bot.asked("INVITE")
            bot.answer(invite, 200)
            await bot.asked("ACK")
            await caller.answered("INVITE", 200)
            caller.in_dialog("ACK", 1)
            answer = caller.answers("INVITE", 200)[0].body
            ours, theirs = Srtp(KEY), Srtp.of(answer)
            to_caller, to_bot = ("127.0.0.1", audio_port(answer)), ("127.0.0.1", audio_port(invite.body))
            heard_by_bot, heard_by_caller = set(), set()
            for number in range(40):
                phone.sendto(ours.protect(frame(number, CALLERS_SSRC)), to_caller)
                mouth.sendto(frame(number, BOTS_SSRC), to_bot)
                await asyncio.sleep(0.02)
                heard_by_bot |= {packet[12:] for packet in received(mouth)}
                heard_by_caller |= {theirs.unprotect(packet)[12:] for packet in received(phone)}
            said = {frame(number, 0)[12:] for number in range(20, 38)}
            assert said <= heard_by_bot, "plain, byte for byte"
            assert said <= heard_by_caller, "decrypted by the key of our answer, byte for byte"
            await house.tells(invite.first("X-Call-Id"), "audio is relayed")
            caller.in_dialog("BYE", 2)
            await caller.answered("BYE", 200)
            await bot.asked("BYE")
    await house.at_rest()


def received(rtp: socket.socket) -> list[bytes]:
    """Datagrams of audio that have come."""
    got = []
    while True:
        try:
            got.append(rtp.recv(2048))
        except BlockingIOError:
            return [data for data in got if len(data) > FRAME]
