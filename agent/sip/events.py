# SPDX-License-Identifier: GPL-3.0-or-later
"""What the SIP side reports: plain data, copied out of the native callbacks before they return.

`leg` is the key of a leg; `Stack.leg` gives the leg itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from agent.core.digits import USUAL
from agent.core.headers import Message
from agent.core.reasons import Reason
from agent.sip.traffic import Traffic


@dataclass(frozen=True, slots=True)
class IncomingCall:
    """A new INVITE; 100 is on its way. `source` is the peer's address without the port."""

    leg: int
    source: str
    message: Message


@dataclass(frozen=True, slots=True)
class Provisional:
    """A leg that we dialled answered 100, or 180 to 189; `media` when audio can flow already."""

    leg: int
    status: int
    media: bool


@dataclass(frozen=True, slots=True)
class Confirmed:
    """The dialog of a leg is up: ACK received, or sent; `audio` is whether audio can flow on it."""

    leg: int
    audio: bool = True


@dataclass(frozen=True, slots=True)
class Ended:
    """A leg is over; `status` is the SIP status that ended it. Nothing more is ever reported of it.

    `bye` is the BYE that ended a leg which may hand off, if the far end sent one; `traffic` is all its RTP.
    `lost` is why the stack gave the leg up by itself; None where either end wanted it over.
    """

    leg: int
    status: int
    text: str
    bye: Message | None = None
    traffic: Traffic = field(default_factory=Traffic)
    lost: Reason | None = None


@dataclass(frozen=True, slots=True)
class Referred:
    """A leg that may hand off sent REFER, which was answered with 202; nobody is called.

    `subscription` is for `Leg.notify`; 0 where the sender wants to hear nothing.
    """

    leg: int
    message: Message
    subscription: int


@dataclass(frozen=True, slots=True)
class Informed:
    """A leg that may hand off sent an INFO with this JSON, which was answered with 200."""

    leg: int
    body: str


@dataclass(frozen=True, slots=True)
class TransferProgress:
    """What is known of the REFER that we sent on a leg: its answer, or what a NOTIFY said.

    Nothing follows one that is `final`. `retry_after` is what the answer said of another try, in seconds.
    """

    leg: int
    status: int
    final: bool
    retry_after: int | None = None


@dataclass(frozen=True, slots=True)
class NotifyAnswered:
    """A NOTIFY of ours was answered; for the stack itself, nobody else hears of it."""

    leg: int


@dataclass(frozen=True, slots=True)
class Digit:
    """A DTMF digit arrived on a leg (RFC 4733 or SIP INFO), and has ended after so long.

    `across`: it has gone to the other leg by itself.
    """

    leg: int
    digit: str
    milliseconds: int = USUAL
    across: bool = False


@dataclass(frozen=True, slots=True)
class AudioCarried:
    """A leg's audio goes straight to and from another leg now, or through the mixer, because of `why`."""

    leg: int
    relayed: bool
    why: str


@dataclass(frozen=True, slots=True)
class AudioChanged:
    """A leg's audio stream is a new one, or gone; for the stack itself, nobody else hears of it."""

    leg: int


@dataclass(frozen=True, slots=True)
class RefusedByStack:
    """An INVITE that the stack itself refused before anybody was asked, such as 488 for its SDP.

    `leg` is 0: it has none.
    """

    source: str
    message: Message
    status: int
    text: str
    leg: int = 0


LegEvent = (
    IncomingCall | Provisional | Confirmed | Ended | Digit | Referred | Informed | TransferProgress
    | AudioCarried | AudioChanged | NotifyAnswered
)  # fmt: skip
StackEvent = LegEvent | RefusedByStack
