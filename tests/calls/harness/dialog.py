# SPDX-License-Identifier: GPL-3.0-or-later
"""Both ends of a call by hand, for tests that decide which of two messages reaches the agent first."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from agent.simulators.messages import WireMessage, read
from tests.calls.harness.house import House, identity
from tests.calls.harness.plan import CARE
from tests.calls.harness.sip_socket import SipSocket, offer, request
from tests.calls.harness.sipp import Sipp
from tests.calls.harness.waiting import LONG, eventually


@dataclass
class HandCaller:
    """A caller of one call."""

    wire: SipSocket
    uri: str
    identity: tuple[str, ...]
    rtp_port: int
    call_id: str = field(default_factory=lambda: uuid.uuid4().hex)

    def __post_init__(self) -> None:
        """Choose the branch of INVITE and CANCEL."""
        self.branch = f"z9hG4bK{self.call_id}"
        self.wire.acknowledges = True

    def invite(self, *, offers: bool = True, body: str = "") -> None:
        """Send the INVITE, with an offer (G.711, or this one) or without; again, if it was sent before."""
        body = body or (offer(self.rtp_port) if offers else "")
        self.wire.send(self._request("INVITE", headers=self.identity, body=body))

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
        tag = answer.first("To").partition("tag=")[2]
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

    def requests(self, method: str) -> list[WireMessage]:
        """Requests of that method that came in this call."""
        got = map(read, self.wire.got)
        return [one for one in got if one.method == method and one.first("Call-ID") == self.call_id]

    def takes(self, data: bytes) -> None:
        """Answer a request in the dialog with 200."""
        asked = read(data)
        if asked.method != "ACK":
            self.answer(asked, 200)

    def answer(
        self,
        asked: WireMessage,
        status: int,
        reason: str = "OK",
        headers: tuple[str, ...] = (),
        body: str = "",
    ) -> None:
        """Send a response to a request in the dialog."""
        names = ("Via", "From", "To", "Call-ID", "CSeq")
        lines = (
            f"SIP/2.0 {status} {reason}",
            *(f"{name}: {asked.first(name)}" for name in names),
            f"Contact: <sip:wire@{self.wire.address}:{self.wire.port}>",
            *headers,
            *(("Content-Type: application/sdp",) if body else ()),
            f"Content-Length: {len(body)}",
            "",
            body,
        )
        self.wire.send("\r\n".join(lines).encode())

    def answers(self, method: str, status: int) -> list[WireMessage]:
        """Responses of that status to that method."""
        return [one for one in map(read, self.wire.got) if (one.status, one.answers) == (status, method)]

    async def answered(self, method: str, *statuses: int, within: float = LONG) -> int:
        """Wait for a response of one of these statuses and return which it was."""

        def first() -> int:
            return next((status for status in statuses if self.answers(method, status)), 0)

        return await eventually(first, within, f"{statuses} to {method}; got {self.wire.statuses()}")

    def _request(self, method: str, headers: tuple[str, ...] = (), body: str = "") -> bytes:
        return request(
            method, self.uri, self.wire, call_id=self.call_id, branch=self.branch, headers=headers, body=body
        )


@asynccontextmanager
async def talking_by_hand(house: House, contact: str) -> AsyncIterator[tuple[HandCaller, Sipp]]:
    """A call that is up, and its voice agent; on leaving the caller hangs up."""
    uri = f"sip:{CARE}@127.0.0.1:{house.plan.sip}"
    async with house.voice_agent() as bot, SipSocket(house.plan.sip) as wire:
        caller = HandCaller(wire, uri, tuple(identity(contact).split("\r\n")), 4000)
        caller.invite()
        await caller.answered("INVITE", 200)
        caller.in_dialog("ACK", 1)
        await bot.saw("ACK")
        yield caller, bot
        caller.in_dialog("BYE", 3)
        await caller.answered("BYE", 200)
        await bot.succeeds()


@dataclass
class HandVoiceAgent:
    """A voice agent of one call that answers what it is told to, and BYE and CANCEL by itself.

    Attributes:
        contact: the call's contact id: what an earlier call left to be repeated at this port is passed over.
    """

    wire: SipSocket
    rtp_port: int
    contact: str

    def __post_init__(self) -> None:
        """Answer BYE and CANCEL from now on."""
        self.wire.on_request = self._by_itself

    async def asked(self, method: str) -> WireMessage:
        """Wait for a request of that method and return it."""
        found = await eventually(lambda: self.requests(method), what=f"{method} at the voice agent")
        return found[0]

    def requests(self, method: str) -> list[WireMessage]:
        """Requests of that method in this call so far."""
        return [one for one in self.all() if one.method == method]

    def all(self) -> list[WireMessage]:
        """All messages of this call so far, each once, in order."""
        got = [read(data) for data in self.wire.got]
        ours = {
            one.first("Call-ID")
            for one in got
            if one.method == "INVITE" and one.first("X-Contact-Id") == self.contact
        }
        once = {(one.method, one.status, one.first("CSeq"), one.first("Via")): one for one in reversed(got)}
        return [one for one in reversed(once.values()) if one.first("Call-ID") in ours]

    def answer(
        self,
        asked: WireMessage,
        status: int,
        reason: str = "OK",
        *,
        body: str | None = None,
        headers: tuple[str, ...] = (),
    ) -> None:
        """Send a response to a request; a 200 to INVITE carries SDP, this one or one that is right."""
        if body is None:
            body = offer(self.rtp_port) if status == 200 and asked.method == "INVITE" else ""
        to = asked.first("To")
        lines = (
            f"SIP/2.0 {status} {reason}",
            *(f"{name}: {asked.first(name)}" for name in ("Via", "From", "Call-ID", "CSeq")),
            f"To: {to}" + ("" if "tag=" in to else ";tag=hand"),
            f"Contact: <{self.wire.contact or f'sip:bot@{self.wire.address}:{self.wire.port}'}>",
            *headers,
            *(("Content-Type: application/sdp",) if body else ()),
            f"Content-Length: {len(body)}",
            "",
            body,
        )
        self.wire.send("\r\n".join(lines).encode())

    def asks(
        self, method: str, cseq: int, *headers: str, of: SipSocket | None = None, body: str = ""
    ) -> None:
        """Send a request in the dialog, once it has been answered, from this socket or another one."""
        (invite, *_) = self.requests("INVITE")
        wire = of or self.wire
        lines = (
            f"{method} {invite.first('Contact').strip('<>')} SIP/2.0",
            f"Via: SIP/2.0/UDP {wire.address}:{wire.port};branch=z9hG4bK{uuid.uuid4().hex};rport",
            f"From: {invite.first('To')};tag=hand",
            f"To: {invite.first('From')}",
            f"Call-ID: {invite.first('Call-ID')}",
            f"CSeq: {cseq} {method}",
            f"Contact: <sip:bot@{wire.address}:{wire.port}>",
            "Max-Forwards: 70",
            *headers,
            f"Content-Length: {len(body)}",
            "",
            body,
        )
        wire.send("\r\n".join(lines).encode())

    def _by_itself(self, data: bytes) -> None:
        asked = read(data)
        if asked.method in ("BYE", "CANCEL"):
            self.answer(asked, 200)
