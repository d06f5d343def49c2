# SPDX-License-Identifier: GPL-3.0-or-later
"""G.711 of both laws, one on each leg: each code becomes the other law's nearest, and nothing is mixed."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import socket
import struct
import time
from collections.abc import Callable
from itertools import pairwise

import pytest

from agent.simulators.g711 import FRAME
from agent.simulators.g711 import decode as decode_mu_law
from tests.calls.harness.asking import post
from tests.calls.harness.dialog import HandCaller, HandVoiceAgent
from tests.calls.harness.gaps import Continuity, continuity
from tests.calls.harness.house import House, identity, new_contact
from tests.calls.harness.plan import CARE, VOICE_AGENT, Change, Plan
from tests.calls.harness.ports import free_rtp_port
from tests.calls.harness.rtp import EVENT, RtpPeer
from tests.calls.harness.sip_socket import SipSocket, audio_port, offer
from tests.calls.harness.srtp import Srtp
from tests.calls.harness.talk import BOT_TONE, CALLER_TONE, QUEUE_TONE, QUICKLY
from tests.calls.harness.waiting import eventually, throughout
from tests.calls.test_relay import EVENTS, by_hand, digits, ended, is_one_stream, ways_of_audio

pytestmark = [pytest.mark.calls, pytest.mark.usefixtures("ahead")]

KEY = base64.b64encode(bytes(range(30))).decode()
MU_LAW, A_LAW = 0, 8
BRIDGE = "9995550364"
LIMIT, TRIES = 0.040, 5  # as in test_no_gap.py
RELAYED = "audio is relayed: µ-law to A-law and back"
CODES = bytes(range(256)) + bytes(2 * FRAME - 256)


@pytest.fixture(scope="module")
def change() -> Change:
    """Encrypted audio is taken, and not asked for; a project whose callers go to a queue that is dialled."""

    def optional(plan: Plan) -> None:
        plan.agent["media"]["srtp"] = "optional"
        plan.add("acme-to-bridge", BRIDGE, method="bridge", targets=plan.back(plan.queue))

    return optional


def decode_a_law(code: int) -> int:
    """A sample of 16 bits (G.711 table 1)."""
    code ^= 0x55
    mantissa, exponent = code & 0x0F, code >> 4 & 0x07
    size = (mantissa << 4 | 8) if exponent == 0 else (mantissa << 4 | 0x108) << exponent - 1
    return size if code & 0x80 else -size


def a_law_answer(port: int, more: str = "") -> str:
    """SDP of an end that speaks A-law only."""
    head = offer(port).partition("m=audio")[0]
    events = f"a=rtpmap:{EVENT} telephone-event/8000\r\n"
    return f"{head}m=audio {port} RTP/AVP {A_LAW} {EVENT}\r\na=rtpmap:8 PCMA/8000\r\n{events}{more}"


def with_events(port: int) -> str:
    """SDP of an end that speaks mu-law and presses digits."""
    return offer(port).partition("m=audio")[0] + EVENTS.format(port)


def packets(payload_type: int, ssrc: int, number: int) -> list[bytes]:
    """Two packets that hold every code there is."""
    heads = (
        struct.pack("!BBHII", 0x80, payload_type, 1000 + one, one * FRAME, ssrc)
        for one in (2 * number, 2 * number + 1)
    )
    return [head + CODES[part * FRAME : (part + 1) * FRAME] for part, head in enumerate(heads)]


def received(rtp: socket.socket) -> list[bytes]:
    """Datagrams of audio that have come."""
    got = []
    with contextlib.suppress(BlockingIOError):
        while True:
            got.append(rtp.recv(2048))
    return [data for data in got if len(data) > FRAME]


def assert_translated(
    heard: list[bytes], payload_type: int, loudness: Callable[[int], int], expected: list[int]
) -> None:
    """Each code came as one of the other law that is as loud, but for the coarser law's step."""
    assert {data[1] & 0x7F for data in heard} == {payload_type}
    bodies = [data[12:] for data in heard]
    whole = next(before + after for before, after in pairwise(bodies) if len(set(after[-64:])) == 1)
    for code, before in zip(whole, expected, strict=False):
        assert abs(loudness(code) - before) <= 16 + abs(before) // 16, (code, before)


@pytest.mark.parametrize("encrypted", [False, True], ids=["plain", "srtp"])
async def test_mu_law_of_one_end_is_a_law_of_the_other(house: House, *, encrypted: bool) -> None:
    contact, since = new_contact(), house.watch()
    uri = f"sip:{CARE}@127.0.0.1:{house.plan.sip}"
    with socket.socket(type=socket.SOCK_DGRAM) as phone, socket.socket(type=socket.SOCK_DGRAM) as mouth:
        for end in (phone, mouth):
            end.bind(("127.0.0.1", free_rtp_port()))
            end.setblocking(False)  # noqa: FBT003 - the socket's own signature
        async with (
            SipSocket(house.plan.sip, VOICE_AGENT, house.plan.first) as far,
            SipSocket(house.plan.sip) as near,
        ):
            here, there = phone.getsockname()[1], mouth.getsockname()[1]
            caller = HandCaller(near, uri, tuple(identity(contact).split("\r\n")), here)
            crypto = f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}\r\n"
            body = offer(here)
            caller.invite(body=body.replace("RTP/AVP", "RTP/SAVP") + crypto if encrypted else body)
            bot = HandVoiceAgent(far, there, contact)
            invite = await bot.asked("INVITE")
            bot.answer(invite, 200, body=a_law_answer(there))
            await bot.asked("ACK")
            await caller.answered("INVITE", 200)
            caller.in_dialog("ACK", 1)
            answer = caller.answers("INVITE", 200)[0].body
            protect = Srtp(KEY).protect if encrypted else bytes
            unprotect = Srtp.of(answer).unprotect if encrypted else bytes
            to_caller, to_bot = ("127.0.0.1", audio_port(answer)), ("127.0.0.1", audio_port(invite.body))
            heard_by_bot: list[bytes] = []
            heard_by_caller: list[bytes] = []
            for number in range(20):
                for data in packets(MU_LAW, 0x11223344, number):
                    phone.sendto(protect(data), to_caller)
                for data in packets(A_LAW, 0x55667788, number):
                    mouth.sendto(data, to_bot)
                await asyncio.sleep(0.04)
                heard_by_bot += received(mouth)
                heard_by_caller += [unprotect(data) for data in received(phone)]
            await house.tells(invite.first("X-Call-Id"), RELAYED)
            assert_translated(heard_by_bot[10:], A_LAW, decode_a_law, list(decode_mu_law(bytes(range(256)))))
            assert_translated(
                heard_by_caller[10:],
                MU_LAW,
                lambda code: decode_mu_law(bytes([code]))[0],
                [decode_a_law(code) for code in range(256)],
            )
            caller.in_dialog("BYE", 2)
            await caller.answered("BYE", 200)
            await bot.asked("BYE")
    await house.at_rest()
    assert since.moved("handoff_media_paths_total", project="acme-care", path="relay") == 1


async def test_a_digit_crosses_once_from_law_to_law(house: House) -> None:
    async with (
        RtpPeer(free_rtp_port(), CALLER_TONE) as phone,
        RtpPeer(free_rtp_port(), BOT_TONE, payload_type=A_LAW) as mouth,
        by_hand(house, phone, mouth, a_law_answer(mouth.port), with_events(phone.port)) as (_, __, call_id),
    ):
        await eventually(lambda: len(mouth.packets) > 25, QUICKLY, "audio")
        await house.tells(call_id, RELAYED)
        await phone.press(5, 10)
        await eventually(lambda: any(ended(mouth.packets)), QUICKLY, "the event's end")
        await throughout(0.5, lambda: len(digits(mouth.packets)) == 1, "it is one digit")
        assert {one.payload_type for one in mouth.packets} == {A_LAW, EVENT}


async def test_hold_and_back_is_relayed_from_law_to_law_again(house: House) -> None:
    async with (
        RtpPeer(free_rtp_port(), CALLER_TONE) as phone,
        RtpPeer(free_rtp_port(), BOT_TONE, payload_type=A_LAW) as mouth,
        by_hand(house, phone, mouth, a_law_answer(mouth.port)) as (caller, _, call_id),
    ):
        await eventually(lambda: len(phone.packets) > 25 and len(mouth.packets) > 25, QUICKLY, "audio")
        caller.in_dialog("INVITE", 2, body=offer(phone.port) + "a=inactive\r\n")
        await eventually(lambda: len(caller.answers("INVITE", 200)) > 1, QUICKLY, "hold")
        caller.in_dialog("ACK", 2)
        await house.tells(call_id, "audio is mixed: one leg is on hold")
        held = len(mouth.packets)
        await eventually(lambda: len(mouth.packets) > held + 25, QUICKLY, "silence, in A-law, from the mixer")
        caller.in_dialog("INVITE", 3, body=offer(phone.port))
        await eventually(lambda: len(caller.answers("INVITE", 200)) > 2, QUICKLY, "back")
        caller.in_dialog("ACK", 3)
        back = len(phone.packets)
        await eventually(lambda: len(phone.packets) > back + 25, QUICKLY, "audio again")
        told = [RELAYED, "audio is mixed: one leg is on hold", RELAYED]
        await eventually(lambda: ways_of_audio(house, call_id) == told, what="relayed again")
        is_one_stream(mouth.packets)


async def _from_relay_to_relay(house: House) -> Continuity:
    """A caller is relayed to a voice agent, hears comfort audio, is relayed to a queue: what it heard."""
    contact = new_contact()
    async with (
        SipSocket(house.plan.sip, VOICE_AGENT, house.plan.first) as far,
        SipSocket(house.plan.sip, VOICE_AGENT, house.plan.queue) as queue,
        SipSocket(house.plan.sip) as near,
        RtpPeer(free_rtp_port(), CALLER_TONE) as phone,
        RtpPeer(free_rtp_port(), BOT_TONE, payload_type=A_LAW) as mouth,
        RtpPeer(free_rtp_port(), QUEUE_TONE, payload_type=A_LAW) as third,
    ):
        uri = f"sip:{BRIDGE}@127.0.0.1:{house.plan.sip}"
        caller = HandCaller(near, uri, tuple(identity(contact).split("\r\n")), phone.port)
        caller.invite()
        bot, human = HandVoiceAgent(far, mouth.port, contact), HandVoiceAgent(queue, third.port, contact)
        invite = await bot.asked("INVITE")
        bot.answer(invite, 200, body=a_law_answer(mouth.port))
        await bot.asked("ACK")
        await caller.answered("INVITE", 200)
        caller.in_dialog("ACK", 1)
        phone.speak_to(audio_port(caller.answers("INVITE", 200)[0].body))
        mouth.speak_to(audio_port(invite.body))
        await eventually(lambda: len(phone.packets) > 25 and len(mouth.packets) > 25, QUICKLY, "audio")
        reply = await asyncio.to_thread(post, house, "acme-to-bridge", contact)
        assert reply.status == 202, reply.text
        onward = await human.asked("INVITE")
        await mouth.hush()
        before = len(phone.packets)
        await eventually(lambda: len(phone.packets) > before + 25, QUICKLY, "comfort audio")
        human.answer(onward, 200, body=a_law_answer(third.port))
        third.speak_to(audio_port(onward.body))
        await human.asked("ACK")
        await eventually(lambda: len(third.packets) > 25, QUICKLY, "the queue hears the caller")
        assert ways_of_audio(house, invite.first("X-Call-Id")) == [RELAYED], "never mixed since"
        until = time.time()
        caller.in_dialog("BYE", 2)
        await caller.answered("BYE", 200)
        await human.asked("BYE")
    await house.at_rest()
    is_one_stream(phone.packets)
    return continuity(phone.packets, until)


async def test_from_relay_through_comfort_audio_to_relay_there_is_no_gap(house: House) -> None:
    tries: list[Continuity] = []
    while len(tries) < TRIES:
        heard = await _from_relay_to_relay(house)
        tries.append(heard)
        assert heard.packets > 75, f"that proves nothing: {heard}"
        if max(heard.longest, heard.leap) <= LIMIT and not heard.lost:
            return
    pytest.fail("each time:\n" + "\n".join(map(str, tries)))
