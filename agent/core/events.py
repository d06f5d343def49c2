# SPDX-License-Identifier: GPL-3.0-or-later
"""What can happen to a call, and what the call can ask its shell to do. Plain data, no behaviour."""

from __future__ import annotations

from dataclasses import dataclass

from agent.core.digits import USUAL
from agent.core.methods import Method
from agent.core.moments import Moment
from agent.core.reasons import End, Reason
from agent.core.records import Handoff
from agent.core.words import Word


class Side(Word):
    """One leg: towards the contact centre, towards the voice agent, or towards where the caller goes back to.

    There are never more than two at a time: the third takes the voice agent's place.
    """

    CALLER = "caller"
    AGENT = "agent"
    TARGET = "target"


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


# -- events ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Recorded:
    """The call and its arrival signal are durable, and the signal's delivery has begun."""


@dataclass(frozen=True, slots=True)
class NotRecorded:
    """The call could not be made durable."""


@dataclass(frozen=True, slots=True)
class Located:
    """The name of the target that is being dialled was looked up: it has so many `addresses`."""

    side: Side
    attempt: int
    addresses: int


@dataclass(frozen=True, slots=True)
class AgentProgress:
    """A provisional response of the voice agent: 100, 180 to 189; `media` when it brings early media."""

    status: int
    media: bool = False


@dataclass(frozen=True, slots=True)
class AgentAnswered:
    """The voice agent's 2xx; `audio` is whether audio can flow by it. Without, it is no answer."""

    audio: bool = True


@dataclass(frozen=True, slots=True)
class LegEnded:
    """A leg is gone: BYE, CANCEL, a final error response, or a transaction that timed out.

    `status` is the SIP status that ended it, 200 for a BYE. For the voice agent's leg, `attempt` is the
    number of the dial it came from, so that the late end of an earlier target is told from the present one's.
    `lost` is why our own stack gave a leg up whose far end said nothing; None where the far end ended it.
    """

    side: Side
    status: int
    attempt: int = 0
    lost: Reason | None = None


@dataclass(frozen=True, slots=True)
class HandoffAsked:
    """The voice agent hands the caller back, by whichever way."""

    handoff: Handoff


@dataclass(frozen=True, slots=True)
class Told:
    """The terminal moment is durable; `sent` says whether there is a signal for it."""

    sent: bool


@dataclass(frozen=True, slots=True)
class NotTold:
    """The terminal signal could not be made durable."""


@dataclass(frozen=True, slots=True)
class SignalSettled:
    """A signal reached a final state: `accepted`, or any other."""

    moment: Moment
    accepted: bool


@dataclass(frozen=True, slots=True)
class PromptFinished:
    """The voice agent has fallen silent."""


@dataclass(frozen=True, slots=True)
class TargetProgress:
    """A provisional response of the target that the caller goes back to: 100, 180 to 189."""

    status: int


@dataclass(frozen=True, slots=True)
class TargetAnswered:
    """Its 2xx; `audio` is whether audio can flow by it. Without, it is no answer."""

    audio: bool = True


@dataclass(frozen=True, slots=True)
class TransferProgress:
    """What is known of our REFER: its own answer, or what a NOTIFY told (RFC 3515 section 2.4.5).

    Nothing follows one that is `final`. `retry_after` is when the REFER may be sent again, in seconds; None
    where its answer does not say so.
    """

    status: int
    final: bool
    retry_after: int | None = None


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
    """A digit (RFC 4733 or SIP INFO) arrived on a leg, and lasted so long.

    `across`: the other leg has it already, as a part of the audio that is relayed.
    """

    side: Side
    digit: str
    milliseconds: int = USUAL
    across: bool = False


@dataclass(frozen=True, slots=True)
class EndAsked:
    """An operator or the shutdown wants the call ended."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class ActionFailed:
    """An action of the call could not be carried out; those beside it were."""

    action: Action


Event = (
    Recorded | NotRecorded | Located | AgentProgress | AgentAnswered | LegEnded | HandoffAsked | Told
    | NotTold | SignalSettled | PromptFinished | TargetProgress | TargetAnswered | TransferProgress
    | TimerFired | MediaLost | DtmfReceived | EndAsked | ActionFailed
)  # fmt: skip

# -- actions --------------------------------------------------------------------------------------------


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
