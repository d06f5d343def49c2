# SPDX-License-Identifier: GPL-3.0-or-later
"""What can happen to a signal on its way, and what its machine asks for. Plain data, no behaviour."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from agent.core.moments import SignalState
from agent.core.outcomes import Answer
from agent.core.records import Attempt
from agent.core.retries import Policy

# -- events; times are seconds since the epoch ------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Turn:
    """No other signal of the contact is before it, and its project has a request to spare."""

    now: float


@dataclass(frozen=True, slots=True)
class Held:
    """It can't leave at once: an earlier one is not over, or a token or an endpoint is missing."""


@dataclass(frozen=True, slots=True)
class Ready:
    """Token and endpoint are at hand and the breaker is closed: a byte could leave now."""

    now: float


@dataclass(frozen=True, slots=True)
class Written:
    """What was to be written is durable."""

    now: float


@dataclass(frozen=True, slots=True)
class NotWritten:
    """The storage refused it, for the reason `detail`; trying again makes sense after `pause` seconds."""

    now: float
    detail: str
    pause: float


@dataclass(frozen=True, slots=True)
class Answered:
    """The exchange is over: an answer, a timeout, a reset, or no connection at all; `answer` says which."""

    answer: Answer
    now: float
    policy: Policy
    chance: float


@dataclass(frozen=True, slots=True)
class Rested:
    """The time of the next try has come."""

    now: float


@dataclass(frozen=True, slots=True)
class Woken:
    """Something changed while it rested: it may not be wanted any more."""

    now: float


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """The caller hung up: unless it is on the wire nothing is sent any more, and nothing is repeated."""


@dataclass(frozen=True, slots=True)
class Overtaken:
    """The terminal moment of its call came. Once tried in vain, an arrival would only hold that one up."""


@dataclass(frozen=True, slots=True)
class SettledElsewhere:
    """Somebody else, an operator say, settled it on disk."""


@dataclass(frozen=True, slots=True)
class ProcessStarted:
    """An earlier process left it as it stands on disk."""

    now: float
    policy: Policy


@dataclass(frozen=True, slots=True)
class ProcessEnds:
    """This process ends."""

    now: float


Event: TypeAlias = (
    Turn | Held | Ready | Written | NotWritten | Answered | Rested | Woken | Withdrawn | Overtaken
    | SettledElsewhere | ProcessStarted | ProcessEnds
)  # fmt: skip

# -- actions ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ask:
    """Get all that a request needs and give `Ready`; where that fails, give `Answered`."""


@dataclass(frozen=True, slots=True)
class Write:
    """Make `state` durable, and `attempt` with it; give `Written`, `NotWritten` or `SettledElsewhere`."""

    state: SignalState
    attempt: Attempt | None = None


@dataclass(frozen=True, slots=True)
class Send:
    """Let the request leave, `again` with a fresh token after 401 or 403; give `Answered`."""

    again: bool = False


@dataclass(frozen=True, slots=True)
class Rest:
    """Give `Rested` at this time, or `Woken` before."""

    until: float


@dataclass(frozen=True, slots=True)
class Queue:
    """Give `Turn` when it comes."""


@dataclass(frozen=True, slots=True)
class Settle:
    """It ended in `state`: write that down, with the `attempt` that brought it. Nothing follows."""

    state: SignalState
    attempt: Attempt | None = None


Action: TypeAlias = Ask | Write | Send | Rest | Queue | Settle
