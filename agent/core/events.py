# SPDX-License-Identifier: GPL-3.0-or-later
"""What can happen to a call. Plain data, no behaviour."""

from __future__ import annotations

from dataclasses import dataclass

from agent.core.actions import Action, Timer
from agent.core.digits import USUAL
from agent.core.moments import Moment
from agent.core.reasons import Reason
from agent.core.records import Handoff
from agent.core.sides import Side


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
