# SPDX-License-Identifier: GPL-3.0-or-later
"""Sends SIP to a stack and prints what the trace kept of it. A program: pjsip starts once per process.

Usage: messages.py BOUND PORT

Prints JSON: what was sent to it and came from it, by Call-ID and direction; what is kept of each message
right after it; what is left of the first ones once many more have come.
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from typing import Any

from agent.core.model import Agent
from agent.core.node import NodeState, NodeStatus
from agent.sip import trace
from agent.sip.guard import Doors
from agent.sip.stack import Stack
from agent.telemetry.stories import TraceRecord
from tests.calls.harness.sip_socket import offer

HOST = "127.0.0.1"
RING = 64 * 1024
LONGEST = 15_000


def request(method: str, call_id: str, port: int, transport: str, body: bytes) -> bytes:
    """One that is answered at once, whoever asks."""
    kind = "application/sdp" if method == "INVITE" else "application/octet-stream"
    lines = (
        f"{method} sip:9995550100@127.0.0.1 SIP/2.0",
        f"Via: SIP/2.0/{transport} {HOST}:{port};branch=z9hG4bK{call_id};rport",
        f"From: <sip:caller@{HOST}>;tag=1",
        "To: <sip:9995550100@127.0.0.1>",
        f"Call-ID: {call_id}",
        f"CSeq: 1 {method}",
        f"Contact: <sip:caller@{HOST}:{port}>",
        "Max-Forwards: 70",
        f"Content-Type: {kind}",
        f"Content-Length: {len(body)}",
        "",
        "",
    )
    return "\r\n".join(lines).encode() + body


class Asker:
    """Asks a stack, and keeps what was said and what is told of it."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.said: dict[str, str] = {}
        self.records: dict[str, TraceRecord] = {}
        self.kept: dict[str, dict[str, Any]] = {}

    def take(self, lines: list[str]) -> None:
        """Look at what the trace says, and at what it keeps."""
        for line in lines:
            record = TraceRecord._make(line.split("\t"))
            key = f"{record.call_id} {record.direction}{record.repeated}"
            self.records[key] = record
            self.kept[key] = self.look(record)

    def look(self, record: TraceRecord) -> dict[str, Any]:
        """What is kept of a message now."""
        found = trace.whole(int(record.position))
        whole = found.hex() if found is not None else None
        return {"whole": whole, "local": trace.local(int(record.position)), "position": int(record.position)}

    async def udp(self, call_id: str, body: bytes, method: str = "OPTIONS") -> None:
        """Ask over UDP, an INVITE twice, and wait until the answers were told."""
        loop = asyncio.get_running_loop()
        with socket.socket(type=socket.SOCK_DGRAM) as peer:
            peer.bind((HOST, 0))
            peer.setblocking(False)  # noqa: FBT003 - the socket's own signature
            asked = request(method, call_id, peer.getsockname()[1], "UDP", body)
            for again in ("", "R") if method == "INVITE" else ("",):
                await loop.sock_sendto(peer, asked, (HOST, self.port))
                self.said[f"{call_id} <{again}"] = asked.hex()
                self.said[f"{call_id} >{again}"] = (await loop.sock_recv(peer, 65536)).hex()
                await self._told(f"{call_id} >{again}")

    async def tcp(self, call_id: str, body: bytes) -> None:
        """Ask over TCP, in two pieces."""
        reader, writer = await asyncio.open_connection(HOST, self.port)
        asked = request("OPTIONS", call_id, writer.get_extra_info("sockname")[1], "TCP", body)
        writer.write(asked[:100])
        await writer.drain()
        await asyncio.sleep(0)
        writer.write(asked[100:])
        self.said[f"{call_id} <"] = asked.hex()
        self.said[f"{call_id} >"] = (await reader.readuntil(b"\r\n\r\n")).hex()
        await self._told(f"{call_id} >")
        writer.close()

    async def _told(self, key: str) -> None:
        async with asyncio.timeout(60):
            while key not in self.records:
                await asyncio.sleep(0.01)


async def main(bound: str, port: int) -> None:
    """Ask, and print."""
    trace.MESSAGE_BYTES = RING  # type: ignore[misc] # so that it can be filled
    settings = Agent.model_validate(
        {
            "node": "trace",
            "sip": {"listen": [f"udp://{bound}:{port}", f"tcp://{bound}:{port}"]},
            "media": {"rtp_ports": "2000-2009"},  # no call gets so far
            "limits": {"calls": 1},
        }
    )
    asker = Asker(port)
    stack = Stack(settings, trace=asker.take, lag=lambda _: None)
    stack.start(lambda _: None, Doors(f"{HOST}/32", reject_unknown=True))
    stack.apply(NodeStatus(NodeState.READY, "ready", None))
    await asker.udp("twice", offer(4000).encode(), "INVITE")
    await asker.udp("bytes", bytes(range(256)))
    await asker.udp("none", b"")
    await asker.tcp("stream", bytes(range(256)) * 8)
    await asker.udp("longest", b"x" * LONGEST)
    early = {key: asker.look(asker.records[key]) for key in asker.said}
    for number in range(RING // LONGEST + 1):
        await asker.udp(f"more{number}", b"y" * LONGEST)
    late = {key: asker.look(asker.records[key]) for key in asker.said}
    stack.close()
    closed = {key: asker.look(asker.records[key]) for key in asker.said}
    strange = [trace.whole(at) for at in (-1, 1, 1 << 40, 1 << 63, 1 << 64, 1 << 80)]
    told = {"said": asker.said, "kept": asker.kept, "early": early, "late": late, "closed": closed}
    sys.stdout.write(json.dumps({**told, "strange": strange}))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
