# SPDX-License-Identifier: GPL-3.0-or-later
"""What the SIP side reports: plain data, copied out of the native callbacks before they return."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent.core.headers import Message

if TYPE_CHECKING:
    from agent.sip.leg import Leg


@dataclass(frozen=True, slots=True)
class IncomingCall:
    """A new INVITE; 100 is on its way. `source` is the peer's address without the port."""

    leg: Leg
    source: str
    message: Message


@dataclass(frozen=True, slots=True)
class Provisional:
    """A leg that we dialled answered 180 to 189; `media` when audio can flow already."""

    leg: Leg
    status: int
    media: bool


@dataclass(frozen=True, slots=True)
class Confirmed:
    """The dialog of a leg is up: ACK received, or sent."""

    leg: Leg


@dataclass(frozen=True, slots=True)
class Ended:
    """A leg is over; `status` is the SIP status that ended it. Nothing more is ever reported of it.

    `bye` is the BYE that ended a leg which may hand off, if the far end sent one.
    """

    leg: Leg
    status: int
    text: str
    bye: Message | None = None


@dataclass(frozen=True, slots=True)
class Referred:
    """A leg that may hand off sent REFER, which was answered with 202; nobody is called.

    `subscription` is for `Leg.notify`; 0 where the sender wants to hear nothing.
    """

    leg: Leg
    message: Message
    subscription: int


@dataclass(frozen=True, slots=True)
class Informed:
    """A leg that may hand off sent an INFO with this JSON, which was answered with 200."""

    leg: Leg
    body: str


@dataclass(frozen=True, slots=True)
class TransferProgress:
    """What is known of the REFER that we sent on a leg: its answer, or what a NOTIFY said.

    Nothing follows one that is `final`.
    """

    leg: Leg
    status: int
    final: bool


@dataclass(frozen=True, slots=True)
class Digit:
    """A DTMF digit arrived on a leg (RFC 4733 or SIP INFO)."""

    leg: Leg
    digit: str


@dataclass(frozen=True, slots=True)
class RefusedByStack:
    """An INVITE that the stack itself refused before anybody was asked, such as 488 for its SDP."""

    source: str
    message: Message
    status: int
    text: str


LegEvent = IncomingCall | Provisional | Confirmed | Ended | Digit | Referred | Informed | TransferProgress
StackEvent = LegEvent | RefusedByStack
