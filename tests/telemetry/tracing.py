# SPDX-License-Identifier: GPL-3.0-or-later
"""Prints what the trace in C says of an INVITE that comes twice. A program: pjsip starts once per process.

Usage: tracing.py PORT CALL_ID
"""

from __future__ import annotations

import asyncio
import socket
import sys

from agent.core.model import Agent
from agent.core.node import NodeState, NodeStatus
from agent.sip.guard import Doors
from agent.sip.stack import Stack
from tests.calls.harness.sip_socket import offer

HOST = "127.0.0.1"


async def main(port: int, call_id: str) -> None:
    """Print the lines of the trace until there are four."""
    records: list[str] = []
    enough = asyncio.Event()

    def take(lines: list[str]) -> None:
        records.extend(lines)
        if len(records) >= 4:
            enough.set()

    settings = Agent.model_validate(
        {
            "node": "trace",
            "sip": {"listen": [f"udp://{HOST}:{port}"]},
            "media": {"rtp_ports": "2000-2009"},  # no call gets so far
            "limits": {"calls": 1},
        }
    )
    stack = Stack(settings, trace=take, lag=lambda _: None)
    stack.start(lambda _: None, Doors(f"{HOST}/32", reject_unknown=True))
    stack.apply(NodeStatus(NodeState.READY, "ready", None))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.bind((HOST, 0))
        for _ in range(2):
            peer.sendto(_invite(peer.getsockname()[1], call_id), (HOST, port))
        async with asyncio.timeout(60):
            await enough.wait()
    stack.close()
    sys.stdout.write("\n".join(records))


def _invite(port: int, call_id: str) -> bytes:
    body = offer(4000)
    lines = (
        "INVITE sip:9995550100@127.0.0.1 SIP/2.0",
        f"Via: SIP/2.0/UDP {HOST}:{port};branch=z9hG4bKtrace;rport",
        f"From: <sip:caller@{HOST}>;tag=1",
        "To: <sip:9995550100@127.0.0.1>",
        f"Call-ID: {call_id}",
        "CSeq: 1 INVITE",
        f"Contact: <sip:caller@{HOST}:{port}>",
        "Max-Forwards: 70",
        "Content-Type: application/sdp",
        f"Content-Length: {len(body)}",
        "",
        body,
    )
    return "\r\n".join(lines).encode()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2]))
