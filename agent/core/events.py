# SPDX-License-Identifier: GPL-3.0-or-later
"""What can happen to a call, and what the call can ask its shell to do. Plain data, no behaviour."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from agent.core.moments import Moment
from agent.core.reasons import End, Reason
from agent.core.records import Handoff


class Side(StrEnum):
    """One of the two legs: towards the contact centre, or towards the voice agent."""

    CALLER = "caller"
    AGENT = "agent"

    @property
    def other(self) -> Side:
        """The leg across."""
        return Side.AGENT if self is Side.CALLER else Side.CALLER


class Timer(StrEnum):
    """The clocks of a call; the shell knows how long each runs."""

    RING = "ring"  # from the first dial to an answer, all targets together
    RESPONSE = "response"  # from a dial to the target's first provisional response
    DEADLINE = "deadline"  # from a terminal moment until media goes back, whatever NICE says
    WAIT_FOR_BYE = "wait_for_bye"  # from the release of the voice agent until our own BYE
    DURATION = "duration"  # the longest call


class Audio(StrEnum):
    """What the caller hears from us."""

    NOTHING = "nothing"
    BRIDGED = "bridged"
    COMFORT = "comfort"


# -- events ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Recorded:
    """The call and its arrival signal are durable, and the signal's delivery has begun."""


@dataclass(frozen=True, slots=True)
class NotRecorded:
    """The call could not be made durable."""


@dataclass(frozen=True, slots=True)
class AgentProgress:
    """A provisional response of the voice agent: 180 to 189; `media` when it brings early media."""

    status: int
    media: bool = False


@dataclass(frozen=True, slots=True)
class AgentAnswered:
    """The voice agent's 2xx."""


@dataclass(frozen=True, slots=True)
class LegEnded:
    """A leg is gone: BYE, CANCEL, a final error response, or a transaction that timed out.

    `status` is the SIP status that ended it, 200 for a BYE. For the voice agent's leg, `attempt` is the
    number of the dial it came from, so that the late end of an earlier target is told from the present one's.
    """

    side: Side
    status: int
    attempt: int = 0


@dataclass(frozen=True, slots=True)
class HandoffAsked:
    """The voice agent hands the caller back, by whichever way."""

    handoff: Handoff


@dataclass(frozen=True, slots=True)
class Told:
    """The terminal moment is durable and its signal on the way; `sent` is False when there is none."""

    sent: bool


@dataclass(frozen=True, slots=True)
class NotTold:
    """The terminal signal could not be made durable."""


@dataclass(frozen=True, slots=True)
class SignalSettled:
    """A signal reached a final state."""

    moment: Moment


@dataclass(frozen=True, slots=True)
class TimerFired:
    """A clock ran out."""

    timer: Timer


@dataclass(frozen=True, slots=True)
class MediaLost:
    """No RTP arrived on a leg for the configured time while it should have."""

    side: Side


@dataclass(frozen=True, slots=True)
class DtmfReceived:
    """A digit (RFC 4733 or SIP INFO) arrived on a leg."""

    side: Side
    digit: str


@dataclass(frozen=True, slots=True)
class EndAsked:
    """An operator or the shutdown wants the call ended."""

    reason: Reason


Event = (
    Recorded | NotRecorded | AgentProgress | AgentAnswered | LegEnded | HandoffAsked | Told | NotTold
    | SignalSettled | TimerFired | MediaLost | DtmfReceived | EndAsked
)  # fmt: skip

# -- actions --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Record:
    """Make the call and its arrival signal durable, begin delivery; answer `Recorded` or `NotRecorded`."""


@dataclass(frozen=True, slots=True)
class Dial:
    """Send an INVITE to target number `target` (in the plan's order); `attempt` comes back in `LegEnded`."""

    target: int
    attempt: int


@dataclass(frozen=True, slots=True)
class Relay:
    """Give the caller the voice agent's provisional response, with our SDP when it brings early media."""

    status: int
    media: bool


@dataclass(frozen=True, slots=True)
class AnswerCaller:
    """Send our 200 on the caller's leg."""


@dataclass(frozen=True, slots=True)
class RefuseCaller:
    """Answer the caller's INVITE with the reason's final response."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class HangUp:
    """End a leg: CANCEL or BYE, whichever its dialog needs."""

    side: Side


@dataclass(frozen=True, slots=True)
class Play:
    """Let the caller hear this from now on, through every re-INVITE."""

    audio: Audio


@dataclass(frozen=True, slots=True)
class SendDtmf:
    """Send a digit on a leg."""

    side: Side
    digit: str


@dataclass(frozen=True, slots=True)
class Tell:
    """Make signal and handoff state durable, begin delivery; answer `Told` or `NotTold`."""

    moment: Moment
    reason: Reason
    handoff: Handoff | None = None


@dataclass(frozen=True, slots=True)
class CancelSignals:
    """Take back what has not been sent yet: the contact is gone."""


@dataclass(frozen=True, slots=True)
class Start:
    """Start a clock, anew if it runs."""

    timer: Timer


@dataclass(frozen=True, slots=True)
class Stop:
    """Stop a clock, if it runs."""

    timer: Timer


@dataclass(frozen=True, slots=True)
class Close:
    """The call is over: write its end down and forget it. Always the last action of a call."""

    end: End
    reason: Reason


Action = (
    Record | Dial | Relay | AnswerCaller | RefuseCaller | HangUp | Play | SendDtmf | Tell | CancelSignals
    | Start | Stop | Close
)  # fmt: skip
