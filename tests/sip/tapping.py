# SPDX-License-Identifier: GPL-3.0-or-later
"""Holds a tap on real RTP to what it promises: ends with 0 if that is kept. pjsip starts once per process.

Usage: tapping.py relay|mix|comfort|srtp PORT
"""

from __future__ import annotations

import asyncio
import base64
import socket
import struct
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from agent.core.model import Agent
from agent.core.node import NodeState, NodeStatus
from agent.simulators.g711 import FRAME
from agent.simulators.rtp import read
from agent.sip import events as on
from agent.sip import tap
from agent.sip.guard import Doors
from agent.sip.leg import Leg
from agent.sip.stack import Stack
from tests.calls.harness.dialog import HandCaller
from tests.calls.harness.ports import free_range, free_rtp_port
from tests.calls.harness.rtp import RtpPeer
from tests.calls.harness.sip_socket import SipSocket, audio_port, offer
from tests.calls.harness.srtp import Srtp
from tests.calls.harness.waiting import eventually

HOST = "127.0.0.1"
KEY = base64.b64encode(bytes(range(30))).decode()
FIRST, AGAIN = 7, 8
REPORT = struct.pack("!BBHIIIIII", 0x80, 200, 6, 0xFEED, 0, 0, 0, 1, 160)


class Room:
    """A stack that answers each call, and the legs that came."""

    def __init__(self, port: int, mode: str) -> None:
        low, high = free_range(20)
        settings = Agent.model_validate(
            {
                "node": "tap",
                "sip": {"listen": [f"udp://{HOST}:{port}"]},
                "media": {
                    "rtp_ports": f"{low}-{high}",
                    "mode": mode,
                    "codecs": ["PCMU"],
                    "srtp": "optional",
                },
                "limits": {"calls": 4},
            }
        )
        self.port = port
        self.legs: list[Leg] = []
        self.ended = 0
        self.tapped: list[tap.TappedPacket] = []
        self.stack = Stack(settings, trace=lambda _: None, lag=lambda _: None)
        self.stack.start(self._report, Doors(f"{HOST}/32", reject_unknown=True))
        self.stack.apply(NodeStatus(NodeState.READY, "ready", None))

    def _report(self, event: on.StackEvent) -> None:
        if isinstance(event, on.IncomingCall):
            leg = self.stack.leg(event.leg)
            if not self.legs:
                leg.tap(FIRST)  # before it has audio
            self.legs.append(leg)
            leg.answer()
        self.ended += isinstance(event, on.Ended)

    def take(self) -> list[tap.TappedPacket]:
        """All that was tapped until now."""
        self.tapped += tap.take()
        return self.tapped

    async def sees(self, what: Callable[[tap.TappedPacket], bool], count: int = 1) -> list[tap.TappedPacket]:
        """Wait until so many packets of that kind were tapped."""
        await eventually(lambda: sum(map(what, self.take())) >= count, what=f"{count} packets")
        return [packet for packet in self.tapped if what(packet)]


@asynccontextmanager
async def calling(room: Room, phone: RtpPeer) -> AsyncIterator[tuple[HandCaller, int]]:
    """A call that is up and speaks: its caller, and our port of its audio."""
    async with SipSocket(room.port) as wire:
        caller = HandCaller(wire, f"sip:1@{HOST}:{room.port}", (), phone.port)
        caller.invite()
        await caller.answered("INVITE", 200)
        caller.in_dialog("ACK", 1)
        port = audio_port(caller.answers("INVITE", 200)[0].body)
        phone.speak_to(port)
        yield caller, port
        caller.in_dialog("BYE", 9)
        await caller.answered("BYE", 200)


async def both_ways(room: Room, phone: RtpPeer, port: int) -> None:
    """Each packet that went out or came in is there, and says from where to where it went."""
    await eventually(lambda: len(phone.packets) > 50, what="audio towards the phone")
    wanted = [(packet.sequence, packet.payload) for packet in phone.packets]
    sent = await room.sees(lambda packet: packet.sent and not packet.rtcp, 40)
    told = [(packet.sequence, packet.payload) for one in sent if (packet := read(one.data, 0.0))]
    wanted = wanted[wanted.index(told[0]) :]  # a tick may have come before the tap
    assert told[: len(wanted)] == wanted[: len(told)], "what went out, from the first packet on"
    came = await room.sees(lambda packet: not packet.sent and not packet.rtcp, 50)
    numbers = [packet.sequence for one in came if (packet := read(one.data, 0.0))]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers))), "what came in"
    for one in room.tapped:
        step = int(one.rtcp)
        assert one.ours == (HOST, port + step), one
        assert one.theirs == (HOST, phone.port + step), one
        assert one.tap == FIRST, "of no other leg"
    times = [one.microseconds for one in room.tapped]
    assert times == sorted(times)


async def reports(room: Room, phone: RtpPeer, port: int) -> None:
    """RTCP, both ways."""
    with socket.socket(type=socket.SOCK_DGRAM) as rtcp:
        rtcp.bind((HOST, phone.port + 1))
        rtcp.sendto(REPORT, (HOST, port + 1))
        (came, *_) = await room.sees(lambda packet: packet.rtcp and not packet.sent)
        assert came.data == REPORT
        rtcp.setblocking(False)  # noqa: FBT003 - the socket's own signature
        ours = await asyncio.wait_for(asyncio.get_running_loop().sock_recv(rtcp, 2048), 60)
        assert ours[1] in (200, 201), "a report of ours"
        await room.sees(lambda packet: packet.rtcp and packet.sent and packet.data == ours)


async def off_and_on(room: Room, phone: RtpPeer) -> None:
    """Nothing more of it, until it is on again, under another number."""
    room.legs[0].tap(0)
    room.take()
    seen, heard = len(room.tapped), len(phone.packets)
    await eventually(lambda: len(phone.packets) > heard + 20, what="audio goes on")
    assert len(room.take()) == seen, "nothing is copied"
    room.legs[0].tap(AGAIN)
    await room.sees(lambda packet: packet.tap == AGAIN and packet.sent, 20)


async def full(room: Room, port: int) -> None:
    """What does not fit is dropped and counted; then it goes on."""
    room.take()
    before = tap.dropped()
    with socket.socket(type=socket.SOCK_DGRAM) as stranger:
        stranger.bind((HOST, 0))
        packet = b"\x80\x00" + bytes(1400)
        for _ in range(1000):
            for _ in range(10):
                stranger.sendto(packet, (HOST, port))
            await asyncio.sleep(0.001)
            if tap.dropped() > before:
                break
        assert tap.dropped() > before
        room.tapped.clear()
        strays = await room.sees(lambda one: one.theirs == stranger.getsockname(), 1000)
        assert {one.data for one in strays} == {packet}
    await room.sees(lambda one: one.tap == AGAIN and one.sent and one.microseconds > strays[-1].microseconds)


async def encrypted(room: Room) -> None:
    """What goes encrypted over the wire is in the clear in the tap."""
    with socket.socket(type=socket.SOCK_DGRAM) as phone:
        phone.bind((HOST, free_rtp_port()))
        phone.setblocking(False)  # noqa: FBT003 - the socket's own signature
        async with SipSocket(room.port) as wire:
            body = offer(phone.getsockname()[1]).replace("RTP/AVP", "RTP/SAVP")
            caller = HandCaller(wire, f"sip:1@{HOST}:{room.port}", (), 0)
            caller.invite(body=f"{body}a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}\r\n")
            await caller.answered("INVITE", 200)
            caller.in_dialog("ACK", 1)
            answer = caller.answers("INVITE", 200)[0].body
            room.stack.comfort.prepare(["tone"])
            room.legs[0].hear(room.stack.comfort.player("tone"))
            ours, theirs = Srtp(KEY), Srtp.of(answer)
            heads = [struct.pack("!BBHII", 0x80, 0, number, number * FRAME, 0xFEED) for number in range(20)]
            said = [head + bytes([number]) * FRAME for number, head in enumerate(heads)]
            for plain in said:
                phone.sendto(ours.protect(plain), (HOST, audio_port(answer)))
                await asyncio.sleep(0.01)
            came = await room.sees(lambda packet: not packet.sent and not packet.rtcp, len(said))
            assert [packet.data for packet in came] == said
            heard = [await asyncio.get_running_loop().sock_recv(phone, 2048) for _ in range(20)]
            assert not {packet.data for packet in room.tapped} & set(heard), "on the wire it is encrypted"
            went = await room.sees(lambda packet: packet.sent and not packet.rtcp, len(heard))
            told, wanted = [packet.data for packet in went], [theirs.unprotect(one) for one in heard]
            wanted = wanted[wanted.index(told[0]) :]  # as above
            assert told[: len(wanted)] == wanted
            caller.in_dialog("BYE", 9)
            await caller.answered("BYE", 200)


async def main(way: str, port: int) -> None:
    """One leg tapped, another not, through all of it."""
    room = Room(port, "mix" if way == "mix" else "auto")
    if way == "srtp":
        await encrypted(room)
        room.stack.close()
        return
    async with RtpPeer(free_rtp_port()) as phone, RtpPeer(free_rtp_port()) as other:
        async with calling(room, phone) as (_, ours), calling(room, other):
            one, two = room.legs
            if way == "comfort":
                room.stack.comfort.prepare(["tone"])
                one.hear(room.stack.comfort.player("tone"))
            else:
                one.hear(two)
                two.hear(one)
            await eventually(lambda: one.audio.relayed == (way == "relay"), what=way)
            await both_ways(room, phone, ours)
            await reports(room, phone, ours)
            await off_and_on(room, phone)
            await full(room, ours)
        await eventually(lambda: room.ended == 2, what="both are over")
        one.tap(FIRST)
        room.take()
        assert tap.take() == []
    room.stack.close()
    assert tap.take() == []


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
