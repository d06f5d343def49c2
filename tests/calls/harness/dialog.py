# SPDX-License-Identifier: GPL-3.0-or-later
"""Both ends of a call by hand, for tests that decide which of two messages reaches the agent first."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field

from tests.calls.harness.waiting import eventually
from tests.calls.harness.wire import Wire, offer, request


def _head(data: bytes, name: str) -> str:
    """The first value of a header of a message in bytes."""
    prefix = f"{name}:".lower()
    lines = data.decode(errors="replace").split("\r\n")
    return next((line[len(prefix) :].strip() for line in lines if line.lower().startswith(prefix)), "")


@dataclass
class HandCaller:
    """A caller of one call."""

    wire: Wire
    uri: str
    identity: tuple[str, ...]
    rtp_port: int
    call_id: str = field(default_factory=lambda: uuid.uuid4().hex)

    def __post_init__(self) -> None:
        """Choose the branch of INVITE and CANCEL."""
        self.branch = f"z9hG4bK{self.call_id}"
        self.wire.acknowledges = True

    def invite(self) -> None:
        """Send the INVITE; again, if it was sent before."""
        self.wire.send(self._request("INVITE", headers=self.identity, body=offer(self.rtp_port)))

    def cancel(self) -> None:
        """Send the CANCEL of that INVITE."""
        self.wire.send(self._request("CANCEL"))

    def in_dialog(
        self,
        method: str,
        cseq: int,
        headers: tuple[str, ...] = (),
        body: str = "",
        content_type: str = "application/sdp",
    ) -> None:
        """Send a request inside the dialog of the 200."""
        (answer, *_) = self.answers("INVITE", 200)
        tag = _head(answer, "To").partition("tag=")[2]
        self.wire.send(
            request(
                method,
                self.uri,
                self.wire,
                call_id=self.call_id,
                to_tag=tag,
                cseq=cseq,
                headers=headers,
                body=body,
                content_type=content_type,
            )
        )

    def answers(self, method: str, status: int) -> list[bytes]:
        """Responses of that status to that method."""
        start = f"SIP/2.0 {status} ".encode()
        return [
            data for data in self.wire.got if data.startswith(start) and _head(data, "CSeq").endswith(method)
        ]

    async def answered(self, method: str, *statuses: int) -> int:
        """Wait for a response of one of these statuses and return which it was."""

        def first() -> int:
            return next((status for status in statuses if self.answers(method, status)), 0)

        return await eventually(first, what=f"{statuses} to {method}; got {self.wire.statuses()}")

    def _request(self, method: str, headers: tuple[str, ...] = (), body: str = "") -> bytes:
        return request(
            method, self.uri, self.wire, call_id=self.call_id, branch=self.branch, headers=headers, body=body
        )


@dataclass
class HandVoiceAgent:
    """A voice agent of one call that answers what it is told to, and BYE and CANCEL by itself.

    Attributes:
        contact: the call's contact id: what an earlier call left to be repeated at this port is passed over.
    """

    wire: Wire
    rtp_port: int
    contact: str

    def __post_init__(self) -> None:
        """Answer BYE and CANCEL from now on."""
        self.wire.on_request = self._by_itself

    async def asked(self, method: str) -> bytes:
        """Wait for a request of that method and return it."""
        found = await eventually(lambda: self.requests(method), what=f"{method} at the voice agent")
        return found[0]

    def requests(self, method: str) -> list[bytes]:
        """Requests of that method in this call so far."""
        invites = [data for data in self.wire.got if data.startswith(b"INVITE ")]
        ours = {_head(data, "Call-ID") for data in invites if _head(data, "X-Contact-Id") == self.contact}
        asked = [data for data in self.wire.got if data.startswith(f"{method} ".encode())]
        return [data for data in asked if _head(data, "Call-ID") in ours]

    def answer(self, asked: bytes, status: int, reason: str = "OK") -> None:
        """Send a response to a request; a 200 to INVITE carries SDP."""
        body = offer(self.rtp_port) if status == 200 and asked.startswith(b"INVITE ") else ""
        to = _head(asked, "To")
        lines = (
            f"SIP/2.0 {status} {reason}",
            f"Via: {_head(asked, 'Via')}",
            f"From: {_head(asked, 'From')}",
            f"To: {to}" + ("" if "tag=" in to else ";tag=hand"),
            f"Call-ID: {_head(asked, 'Call-ID')}",
            f"CSeq: {_head(asked, 'CSeq')}",
            f"Contact: <sip:bot@{self.wire.address}:{self.wire.port}>",
            *(("Content-Type: application/sdp",) if body else ()),
            f"Content-Length: {len(body)}",
            "",
            body,
        )
        self.wire.send("\r\n".join(lines).encode())

    def _by_itself(self, data: bytes) -> None:
        if data.startswith((b"BYE ", b"CANCEL ")):
            self.answer(data, 200)
