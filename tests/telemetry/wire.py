# SPDX-License-Identifier: GPL-3.0-or-later
"""SIP messages as the trace in C would hand them over: lines, and bytes by position."""

from __future__ import annotations

from agent.core.sides import Side
from agent.telemetry.messages import Messages
from agent.telemetry.stories import Stories

PEER = "192.0.2.7:5062"
LOCAL = "198.51.100.1:5060"


class Wire:
    """What C remembers of messages; `messages` shows them to whoever looks closer."""

    def __init__(self) -> None:
        self.stories = Stories()
        self.bytes: list[bytes | None] = []
        self.errors: list[Exception] = []
        self.messages = Messages(
            self.stories,
            lambda position: self.bytes[position],
            lambda _: LOCAL,
            lambda _, error: self.errors.append(error),
        )

    def call(
        self,
        call_id: str,
        sip_call_id: str,
        *,
        project: str = "care",
        number: str = "9995550100",
        contact: str = "4512",
        side: Side = Side.CALLER,
    ) -> None:
        """A dialog of a call is known from now on."""
        self.stories.bind(call_id, sip_call_id, side.value)
        self.stories.about(call_id, project, number, contact)

    def comes(
        self, sip_call_id: str, method: str = "INVITE", *, sent: bool = False, peer: str = PEER
    ) -> bytes:
        """A request passes; its bytes."""
        start = f"{method} sip:9995550100@198.51.100.1 SIP/2.0"
        text = "\r\n".join(
            (
                start,
                f"Via: SIP/2.0/UDP {peer};branch=z9hG4bK{len(self.bytes)}",
                "From: <sip:caller@192.0.2.7>;tag=1",
                "To: <sip:9995550100@198.51.100.1>",
                f"Call-ID: {sip_call_id}",
                f"CSeq: 1 {method}",
                "Max-Forwards: 70",
                "Content-Length: 0",
                "",
                "",
            )
        ).encode()
        self.bytes.append(text)
        self.messages.take([self._line(sip_call_id, method, start, sent=sent, peer=peer)])
        return text

    def _line(self, sip_call_id: str, method: str, start: str, *, sent: bool, peer: str) -> str:
        position = len(self.bytes) - 1
        microseconds = 1_800_000_000_000_000 + position * 1000
        way = ">" if sent else "<"
        return "\t".join(
            (str(microseconds), way, "udp", peer, sip_call_id, f"1 {method}", start, "", str(position))
        )
