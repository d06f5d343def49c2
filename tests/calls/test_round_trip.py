# SPDX-License-Identifier: GPL-3.0-or-later
"""How long it is to a far end and back, by its own reports (RFC 3550 section 6.4.1), in story and metrics."""

from __future__ import annotations

import asyncio
import re
import socket
import struct

import pytest

from tests.calls.harness.house import House
from tests.calls.harness.ports import free_rtp_port
from tests.calls.harness.rtp import RtpPeer
from tests.calls.harness.sip_socket import audio_port, offer
from tests.calls.harness.talk import BOT_TONE, CALLER_TONE, QUICKLY
from tests.calls.harness.waiting import eventually
from tests.calls.test_relay import SENDER_REPORT, by_hand, change

pytestmark = pytest.mark.calls

__all__ = ["change"]  # the fixture: between its codecs audio is mixed

FAR = 0.25
"""Seconds by which the far end's reports make the way longer than it is."""


def receiver_report(sender_report: bytes) -> bytes:
    """A receiver's answer to a sender report, sent at once, as if it had been `FAR` on its way."""
    (source,) = struct.unpack_from("!I", sender_report, 4)
    (middle,) = struct.unpack_from("!I", sender_report, 10)  # of the 64 bits of NTP time: units of 1/65536 s
    earlier = (middle - int(FAR * 65536)) & 0xFFFFFFFF
    return struct.pack("!BBHIIIIIII", 0x81, 201, 7, 0xABCDEF01, source, 0, 0, 0, earlier, 1)


async def reported(rtcp: socket.socket, to: int) -> None:
    """Answer the next sender report at that port."""
    loop = asyncio.get_running_loop()
    while (data := await loop.sock_recv(rtcp, 2048))[1] != SENDER_REPORT:
        pass
    await loop.sock_sendto(rtcp, receiver_report(data), ("127.0.0.1", to))


@pytest.mark.parametrize("way", ["relayed", "mixed"])
async def test_the_round_trip_to_an_end_that_reports_is_told(house: House, way: str) -> None:
    since = house.watch()
    async with (
        RtpPeer(free_rtp_port(), CALLER_TONE) as phone,
        RtpPeer(free_rtp_port(), BOT_TONE) as mouth,
    ):
        answer = offer(mouth.port)
        if way == "mixed":
            head = answer.partition("m=audio")[0]
            answer = f"{head}m=audio {mouth.port} RTP/AVP 9\r\na=rtpmap:9 G722/8000\r\n"
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as rtcp:
            rtcp.bind(("127.0.0.1", phone.port + 1))
            rtcp.setblocking(False)  # noqa: FBT003 - the socket's own signature
            async with by_hand(house, phone, mouth, answer) as (caller, _, call_id):
                await house.tells(call_id, f"audio is {way}")
                ours = audio_port(caller.answers("INVITE", 200)[0].body)
                await asyncio.wait_for(reported(rtcp, ours + 1), 60)
                heard = len(mouth.packets)  # one thread reads both: what comes now was read after it
                await eventually(lambda: len(mouth.packets) > heard + 10, QUICKLY, "audio goes on")
    counted = (text for _, text in house.story(call_id).lines if "RTP packets in" in text)
    legs = {text.partition(":")[0]: text for text in counted}
    told = re.search(r", round trip ([0-9.]+) ms", legs["caller"])
    assert told is not None, legs
    assert float(told[1]) >= FAR * 1000
    assert "round trip" not in legs["agent"], "nobody reported"
    assert since.moved("handoff_rtp_round_trip_seconds_count") == 1
    assert since.moved("handoff_rtp_round_trip_seconds_sum") >= FAR
