# SPDX-License-Identifier: GPL-3.0-or-later
"""Audio that goes straight across: one clean stream to each end, its digits and reports; the mixer's part."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise

import pytest

from agent.simulators.g711 import FRAME
from agent.simulators.rtp import Packet
from tests.calls.harness.dialog import HandCaller, HandVoiceAgent
from tests.calls.harness.house import House, identity, new_contact
from tests.calls.harness.plan import CARE, VOICE_AGENT, Change, Plan
from tests.calls.harness.ports import free_rtp_port
from tests.calls.harness.rtp import EVENT, RtpPeer
from tests.calls.harness.sip_socket import SipSocket, audio_port, offer
from tests.calls.harness.talk import BOT_TONE, CALLER_TONE, QUICKLY, Talk, talking
from tests.calls.harness.waiting import eventually, throughout

pytestmark = pytest.mark.calls

EVENTS = (
    f"m=audio {{}} RTP/AVP 0 {EVENT}\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:{EVENT} telephone-event/8000\r\n"
)
SENDER_REPORT = 200


@pytest.fixture(scope="module")
def change() -> Change:
    """One codec more than the others have."""

    def wideband(plan: Plan) -> None:
        plan.agent["media"]["codecs"] = ["PCMU", "PCMA", "G722"]

    return wideband


@asynccontextmanager
async def by_hand(
    house: House, phone: RtpPeer, mouth: RtpPeer, answer: str = "", asked: str = ""
) -> AsyncIterator[tuple[HandCaller, HandVoiceAgent, str]]:
    """A call of two ends by hand, both speaking, with these SDPs or usual ones: the ends, and X-Call-Id."""
    contact = new_contact()
    async with (
        SipSocket(house.plan.sip, VOICE_AGENT, house.plan.first) as far,
        SipSocket(house.plan.sip) as near,
    ):
        uri = f"sip:{CARE}@127.0.0.1:{house.plan.sip}"
        caller = HandCaller(near, uri, tuple(identity(contact).split("\r\n")), phone.port)
        caller.invite(body=asked or offer(phone.port))
        bot = HandVoiceAgent(far, mouth.port, contact)
        invite = await bot.asked("INVITE")
        bot.answer(invite, 200, body=answer or offer(mouth.port))
        await bot.asked("ACK")
        await caller.answered("INVITE", 200)
        caller.in_dialog("ACK", 1)
        phone.speak_to(audio_port(caller.answers("INVITE", 200)[0].body))
        mouth.speak_to(audio_port(invite.body))
        yield caller, bot, invite.first("X-Call-Id")
        caller.in_dialog("BYE", 9)
        await caller.answered("BYE", 200)
        await bot.asked("BYE")
    await house.at_rest()


def ways_of_audio(house: House, call_id: str) -> list[str]:
    """How the audio of a call went across, one after the other."""
    return [text for _, text in house.story(call_id).lines if "audio is " in text]


def is_one_stream(packets: list[Packet]) -> None:
    """One SSRC; numbers without a gap; times that rise, by a frame where no marker says otherwise."""
    assert len({packet.source for packet in packets}) == 1, "one SSRC"
    for before, after in pairwise(packets):
        assert (after.sequence - before.sequence) & 0xFFFF == 1, (before, after)
        step = (after.timestamp - before.timestamp) & 0xFFFFFFFF
        assert step % FRAME == 0, "whole frames"
        assert 0 < step < 50 * FRAME, (before, after)
        assert step == FRAME or after.marker, (before, after)


async def test_what_one_end_says_reaches_the_other_as_it_is(house: House) -> None:
    since = house.watch()
    async with talking(house) as talk:
        await talk.hear_each_other()
        said = (
            bytes(range(0x80, 0xFF)) * 40
        )  # each sample once, in a pattern that a mixer would smear over frames
        talk.phone.say(said[: 20 * FRAME])
        await eventually(
            lambda: said[: 20 * FRAME] in b"".join(packet.payload for packet in talk.mouth.packets),
            QUICKLY,
            "byte for byte, frame for frame",
        )
        talk.caller.cue()
        await talk.caller.succeeds()
        await talk.bot.succeeds()
    await house.at_rest()
    talk.story.when("audio is relayed")
    assert since.moved("handoff_media_paths_total", project="acme-care", path="relay") == 1


async def test_towards_the_caller_it_is_one_stream_from_the_first_packet_through_comfort_audio(
    house: House,
) -> None:
    async with talking(house) as talk:
        await talk.hear_each_other()
        await released(talk)
    is_one_stream(talk.phone.packets)
    is_one_stream(talk.mouth.packets)
    await house.at_rest()


async def released(talk: Talk) -> None:
    """The voice agent hangs up with what its project needs, and the caller hears comfort audio till BYE."""
    talk.bot.cue()
    await talk.bot.succeeds()
    await talk.caller.succeeds()


async def test_a_digit_crosses_once(house: House) -> None:
    async with talking(house) as talk:
        await talk.hear_each_other()
        await talk.phone.press(5, 10)
        await eventually(lambda: any(ended(talk.mouth.packets)), QUICKLY, "the event's end")
        await throughout(0.5, lambda: len(digits(talk.mouth.packets)) == 1, "it is one digit")
        talk.caller.cue()
        await talk.caller.succeeds()
    last = [packet.payload for packet in talk.mouth.packets if packet.payload_type == EVENT][-1]
    assert (last[0], int.from_bytes(last[2:4], "big")) == (5, 10 * FRAME)


def digits(packets: list[Packet]) -> set[int]:
    """The times at which digits began."""
    return {packet.timestamp for packet in packets if packet.payload_type == EVENT}


def ended(packets: list[Packet]) -> list[bool]:
    """Which packets of digits are their last ones."""
    return [bool(packet.payload[1] & 0x80) for packet in packets if packet.payload_type == EVENT]


async def test_a_digit_by_info_reaches_an_end_that_takes_events_and_audio_goes_on(house: House) -> None:
    async with (
        RtpPeer(free_rtp_port(), CALLER_TONE) as phone,
        RtpPeer(free_rtp_port(), BOT_TONE) as mouth,
    ):
        answer = offer(mouth.port).partition("m=audio")[0] + EVENTS.format(mouth.port)
        async with by_hand(house, phone, mouth, answer) as (caller, _, call_id):
            await eventually(lambda: mouth.hears(CALLER_TONE), QUICKLY, "audio")
            caller.in_dialog(
                "INFO", 2, body="Signal=7\r\nDuration=200\r\n", content_type="application/dtmf-relay"
            )
            await caller.answered("INFO", 200)
            await eventually(lambda: any(ended(mouth.packets)), QUICKLY, "the digit")
            assert len(digits(mouth.packets)) == 1
            before = len(mouth.packets)
            await eventually(lambda: len(mouth.packets) > before + 30, QUICKLY, "audio goes on")
            assert mouth.hears(CALLER_TONE)
            assert phone.hears(BOT_TONE)
            await house.tells(call_id, "audio is relayed")
        is_one_stream([packet for packet in phone.packets if packet.payload_type == 0])


async def test_other_codecs_are_mixed_and_the_story_says_why(house: House) -> None:
    since = house.watch()
    async with (
        RtpPeer(free_rtp_port(), CALLER_TONE) as phone,
        RtpPeer(free_rtp_port(), BOT_TONE) as mouth,
    ):
        head = offer(mouth.port).partition("m=audio")[0]
        answer = f"{head}m=audio {mouth.port} RTP/AVP 9\r\na=rtpmap:9 G722/8000\r\n"
        async with by_hand(house, phone, mouth, answer) as (_, __, call_id):
            await eventually(
                lambda: len([one for one in mouth.packets if one.payload_type == 9]) > 20, QUICKLY, "G.722"
            )
            await house.tells(call_id, "audio is mixed: the legs have different codecs")
    assert since.moved("handoff_media_paths_total", project="acme-care", path="mix") == 1


async def test_the_voice_agent_is_offered_the_caller_s_codec_first(house: House) -> None:
    contact = new_contact()
    uri = f"sip:{CARE}@127.0.0.1:{house.plan.sip}"
    async with (
        SipSocket(house.plan.sip, VOICE_AGENT, house.plan.first) as far,
        SipSocket(house.plan.sip) as near,
    ):
        caller = HandCaller(near, uri, tuple(identity(contact).split("\r\n")), 4000)
        body = offer(4000).replace("RTP/AVP 0", "RTP/AVP 8 0") + "a=rtpmap:8 PCMA/8000\r\n"
        caller.invite(body=body)
        bot = HandVoiceAgent(far, 4002, contact)
        invite = await bot.asked("INVITE")
        assert invite.body.partition("RTP/AVP ")[2].startswith("8 0 ")
        answer = offer(4002).replace("RTP/AVP 0", "RTP/AVP 8").replace("0 PCMU", "8 PCMA")
        bot.answer(invite, 200, body=answer)
        await bot.asked("ACK")
        await caller.answered("INVITE", 200)
        caller.in_dialog("ACK", 1)
        call_id = invite.first("X-Call-Id")
        await house.tells(call_id, "audio is relayed")
        caller.in_dialog("BYE", 2)
        await caller.answered("BYE", 200)
        await bot.asked("BYE")
    await house.at_rest()


async def test_hold_and_back_is_relayed_again(house: House) -> None:
    async with (
        RtpPeer(free_rtp_port(), CALLER_TONE) as phone,
        RtpPeer(free_rtp_port(), BOT_TONE) as mouth,
        by_hand(house, phone, mouth) as (caller, _, call_id),
    ):
        await eventually(lambda: phone.hears(BOT_TONE) and mouth.hears(CALLER_TONE), QUICKLY, "audio")
        caller.in_dialog("INVITE", 2, body=offer(phone.port) + "a=inactive\r\n")
        await eventually(lambda: len(caller.answers("INVITE", 200)) > 1, QUICKLY, "hold")
        caller.in_dialog("ACK", 2)
        await eventually(mouth.silent, QUICKLY, "nobody speaks to the voice agent")
        await house.tells(call_id, "audio is mixed: one leg is on hold")
        caller.in_dialog("INVITE", 3, body=offer(phone.port))
        await eventually(lambda: len(caller.answers("INVITE", 200)) > 2, QUICKLY, "back")
        caller.in_dialog("ACK", 3)
        await eventually(lambda: phone.hears(BOT_TONE) and mouth.hears(CALLER_TONE), QUICKLY, "audio again")
        told = ["audio is relayed", "audio is mixed: one leg is on hold", "audio is relayed"]
        await eventually(lambda: ways_of_audio(house, call_id) == told, what="relayed again")
        assert len({packet.source for packet in phone.packets}) == 1


async def test_an_end_that_says_nothing_is_told_what_is_sent_to_it(house: House) -> None:
    async with (
        RtpPeer(free_rtp_port(), CALLER_TONE) as phone,
        RtpPeer(free_rtp_port(), BOT_TONE) as mouth,
    ):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as rtcp:
            rtcp.bind(("127.0.0.1", mouth.port + 1))
            rtcp.setblocking(False)  # noqa: FBT003 - the socket's own signature
            async with by_hand(house, phone, mouth) as (_, __, call_id):
                await eventually(lambda: mouth.hears(CALLER_TONE), QUICKLY, "audio")
                await house.tells(call_id, "audio is relayed")
                await mouth.hush()
                already = len(mouth.packets)
                told = 0
                while told <= already:  # a report may have been on its way
                    ssrc, _, told = await asyncio.wait_for(sender_report(rtcp), 60)
                assert ssrc == mouth.packets[-1].source


async def test_sender_reports_speak_of_the_stream_that_is_sent(house: House) -> None:
    async with (
        RtpPeer(free_rtp_port(), CALLER_TONE) as phone,
        RtpPeer(free_rtp_port(), BOT_TONE) as mouth,
    ):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as rtcp:
            rtcp.bind(("127.0.0.1", phone.port + 1))
            rtcp.setblocking(False)  # noqa: FBT003 - the socket's own signature
            async with by_hand(house, phone, mouth):
                ssrc, time, packets = await asyncio.wait_for(sender_report(rtcp), 60)
                heard = len(phone.packets)  # what comes now was sent after it
                await eventually(lambda: len(phone.packets) > heard, QUICKLY, "audio goes on")
                assert packets <= len(phone.packets)
                last = phone.packets[packets - 1]
                assert ssrc == last.source
                assert abs((time - last.timestamp + 2**31) % 2**32 - 2**31) < 25 * FRAME


async def sender_report(rtcp: socket.socket) -> tuple[int, int, int]:
    """SSRC, RTP time and packet count of the next sender report (RFC 3550 section 6.4.1)."""
    loop = asyncio.get_running_loop()
    while True:
        data = await loop.sock_recv(rtcp, 2048)
        if data[1] == SENDER_REPORT:
            ssrc, _, __, time, packets = struct.unpack_from("!IIIII", data, 4)
            return ssrc, time, packets
