# SPDX-License-Identifier: GPL-3.0-or-later
"""What a call can ask its shell to do. Plain data, no behaviour."""

from __future__ import annotations

from dataclasses import dataclass

from agent.core.digits import USUAL
from agent.core.methods import Method
from agent.core.moments import Moment
from agent.core.reasons import End, Reason
from agent.core.records import Handoff
from agent.core.sides import Side
from agent.core.words import Word


class Timer(Word):
    """The clocks of a call; the shell knows how long each runs."""

    RECORD = "record"  # from the INVITE until the call must be durable
    RING = "ring"  # from the first dial to an answer, all targets together, on either dialled side
    RESPONSE = "response"  # from a dial to the target's first response, be it 100
    TRYING = "trying"  # from a target's 100 until it rings or answers
    DEADLINE = "deadline"  # from a terminal moment until media goes back, whatever NICE says
    PROMPT = "prompt"  # from the record of a handoff until it is begun, though the voice agent still speaks
    TRANSFER = "transfer"  # from our REFER to its outcome
    REPEAT = "repeat"  # from a "not now" to our REFER until it is sent again
    WAIT_FOR_BYE = "wait_for_bye"  # from the caller's going back until our own BYE
    DURATION = "duration"  # the longest call


class Audio(Word):
    """What the caller hears from us."""

    NOTHING = "nothing"
    BRIDGED = "bridged"
    COMFORT = "comfort"
    TRANSFERRED = "transferred"


@dataclass(frozen=True, slots=True)
class Record:
    """Make the call and its arrival signal durable, begin delivery; answer `Recorded` or `NotRecorded`."""


@dataclass(frozen=True, slots=True)
class Dial:
    """Send an INVITE to target number `target` of a side; `attempt` comes back in `LegEnded`.

    `address` says which of its addresses, from 0. For the first one the target is looked up, and the call is
    told how many there are by `Located`.
    """

    side: Side
    target: int
    attempt: int
    address: int = 0


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
    """Send a digit of this length on a leg."""

    side: Side
    digit: str
    milliseconds: int = USUAL


@dataclass(frozen=True, slots=True)
class Tell:
    """Make signal and handoff state durable; answer `Told` or `NotTold`.

    Delivery begins before `Told` is given, unless the call holds the signal until `Begin`.
    """

    moment: Moment
    reason: Reason
    handoff: Handoff | None = None


@dataclass(frozen=True, slots=True)
class AwaitSilence:
    """Listen to the voice agent; give `PromptFinished` once it is silent. Over when `Timer.PROMPT` is."""


@dataclass(frozen=True, slots=True)
class Begin:
    """Begin the delivery of the signal that was held."""


@dataclass(frozen=True, slots=True)
class CancelSignals:
    """Take back what has not been sent yet; all signals of the call, or that of one moment."""

    moment: Moment | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """Tell the voice agent, the way it asked, whether its handoff is `taken` or it keeps the caller."""

    taken: bool


@dataclass(frozen=True, slots=True)
class Refer:
    """Send REFER on the caller's leg, to target number `target`; answer with `TransferProgress`."""

    target: int


@dataclass(frozen=True, slots=True)
class Returned:
    """The caller was given back by this method; the time that took is measured here."""

    method: Method


@dataclass(frozen=True, slots=True)
class Start:
    """Start a clock, anew if it runs; for so many `seconds`, or as long as the settings say."""

    timer: Timer
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Stop:
    """Stop a clock, if it runs."""

    timer: Timer


@dataclass(frozen=True, slots=True)
class StopAll:
    """Stop every clock."""


@dataclass(frozen=True, slots=True)
class Close:
    """The call is over: write its end down and forget it. Always the last action of a call."""

    end: End
    reason: Reason


Action = (
    Record | Dial | Relay | AnswerCaller | RefuseCaller | HangUp | Play | SendDtmf | Tell | AwaitSilence
    | Begin | CancelSignals | Report | Refer | Returned | Start | Stop | StopAll | Close
)  # fmt: skip
