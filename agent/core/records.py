# SPDX-License-Identifier: GPL-3.0-or-later
"""What is remembered of a call: plain frozen data that core, delivery and http hand to each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, TypeAlias

from agent.core.moments import Moment, SignalState
from agent.core.quality import LegQuality
from agent.core.words import Word

Place: TypeAlias = tuple[float, str]
"""Where a call stands among all others: when it began, in seconds since the epoch, and its id."""


@dataclass(frozen=True, slots=True)
class CallRecord:
    """One admitted call, as it is stored.

    Times are seconds since the epoch. ``state`` is the value of the call machine's state, ``end`` and
    ``reason`` are values of `agent.core.reasons` and empty while the call is up. ``version`` grows with each
    new state: an older one never takes the place of a newer one, in whatever order they are stored. ``legs``
    says what RTP did on each leg that had any, once the call is over.
    """

    call_id: str
    node: str
    carrier: str
    account: str
    project: str
    number: str
    contact_id: str
    master_id: str
    sip_call_id: str
    state: str
    began: float
    answered: float | None = None
    ended: float | None = None
    end: str = ""
    reason: str = ""
    version: int = 0
    legs: tuple[LegQuality, ...] = ()

    def moved(
        self,
        state: str,
        *,
        answered: float | None = None,
        ended: float | None = None,
        end: str = "",
        reason: str = "",
        legs: tuple[LegQuality, ...] = (),
    ) -> CallRecord:
        """The call in a new state, a version later; what is not given stays. `replace` is slow."""
        return CallRecord(
            self.call_id,
            self.node,
            self.carrier,
            self.account,
            self.project,
            self.number,
            self.contact_id,
            self.master_id,
            self.sip_call_id,
            state,
            self.began,
            self.answered if answered is None else answered,
            self.ended if ended is None else ended,
            end or self.end,
            reason or self.reason,
            self.version + 1,
            legs or self.legs,
        )

    @property
    def place(self) -> Place:
        """Its place in lists of calls."""
        return self.began, self.call_id

    def measured(self, legs: tuple[LegQuality, ...]) -> CallRecord:
        """The same state of the call, now that this is known of its legs."""
        return replace(self, legs=legs)

    def shown(self) -> dict[str, Any]:
        """All but ``version``, which is the storage's own affair; as JSON has it."""
        return {name: value for name, value in asdict(self).items() if name != "version"}


class Channel(Word):
    """Which way an entry of the outbox leaves."""

    SIGNAL = "signal"
    """NICE's Signal API, for the contact."""
    WEBHOOK = "webhook"
    """The customer's own system; `Signal.parameters` is ``{"body": JSON text}``."""
    TRANSCRIPT = "transcript"
    """NICE's TMS, under the master contact id; `Signal.parameters` is ``{"body": JSON text}``."""


@dataclass(frozen=True, slots=True)
class Signal:
    """One signal of one call: what the project asked to send at a moment, and where it stands.

    ``parameters`` has the keys p1..p9, gaps as empty strings up to the highest one set.
    ``expires`` is the time (seconds since the epoch) after which the contact can't use it any more.
    """

    signal_id: str
    call_id: str
    account: str
    project: str
    contact_id: str
    moment: Moment
    parameters: Mapping[str, str]
    recorded: float
    expires: float
    state: SignalState = SignalState.RECORDED
    attempts: tuple[Attempt, ...] = ()
    channel: Channel = Channel.SIGNAL


class Decision(Word):
    """What was decided about a signal; it stands among its attempts, in its place in time."""

    RETRY = "retried_by_operator"
    DISCARD = "discarded_by_operator"
    RECOVERY = "sent_after_death"
    """Taken back while the voice agent kept the caller; wanted after all: the agent died with the call."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to send a signal, or a decision about it.

    ``outcome`` is a value of `agent.core.outcomes.Outcome`, or of `Decision`; ``detail`` then says who.
    """

    began: float
    ended: float
    outcome: str
    status: int | None = None
    detail: str = ""

    @property
    def decision(self) -> bool:
        """Whether it is a decision; nothing was sent by it."""
        return self.outcome in tuple(Decision)


class Way(Word):
    """How a voice agent asked for a handoff."""

    HTTP = "http"
    REFER = "refer"
    INFO = "info"
    BYE = "bye"


@dataclass(frozen=True, slots=True)
class Handoff:
    """What the voice agent said when it handed the caller back; readable before the signal leaves.

    ``data`` is a free JSON object for the desktop, ``parameters`` override p1..p9 of the project's template.
    ``target`` is the SIP URI that a REFER named, where the project allows it, else empty.
    """

    handoff_id: str
    call_id: str
    account: str
    project: str
    contact_id: str
    asked: float
    destination: str = ""
    skill: str = ""
    reason: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    data: Mapping[str, object] = field(default_factory=dict)
    shared_id: str = ""
    way: Way = Way.HTTP
    target: str = ""


class Whereabouts(Word):
    """Where the caller of a handoff is now."""

    VOICE_AGENT = "voice_agent"
    """The handoff is under way and the caller still talks to the voice agent."""
    ON_THE_WAY = "on_the_way"
    """The voice agent is released; the caller hears comfort audio."""
    QUEUE = "queue"
    """The caller is bridged to a target."""
    KEPT = "kept"
    """The signal failed and the voice agent keeps the caller."""
    GONE = "gone"
    """The caller is back at CXone, or has hung up."""
