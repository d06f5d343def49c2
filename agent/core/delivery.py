# SPDX-License-Identifier: GPL-3.0-or-later
"""One signal on its way, as a state machine: events in, at most one action out. No clock, no I/O.

A webhook and a transcript go the same way; where the rules differ, the channel says so.

What stands on disk decides what a process that starts may do. So ``sending`` is durable before a byte may
leave, and ``recorded`` is durable again before anything is waited for. The table at the end is the machine.

Two rules concern several signals and stand in `agent.core.contact_queue`: one request at a time per contact,
in the order of moments; and an arrival that was tried in vain gives way to the terminal signal of its call.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any, Final, TypeAlias

from agent.core.delivery_events import (
    Action,
    Answered,
    Ask,
    Event,
    Held,
    NotWritten,
    Overtaken,
    ProcessEnds,
    ProcessStarted,
    Queue,
    Ready,
    Rest,
    Rested,
    Send,
    Settle,
    SettledElsewhere,
    Turn,
    Withdrawn,
    Woken,
    Write,
    Written,
)
from agent.core.moments import SignalState
from agent.core.outcomes import Answer, Outcome
from agent.core.records import Attempt, Signal
from agent.core.retries import RetryAt, given_up, harmless_twice, next_step

_ASK: Final = Ask()
_SEND: Final = Send()
QUEUE: Final = Queue()


class Phase(StrEnum):
    """Where the delivery stands."""

    WAITING = "waiting"
    """For its turn. On disk ``recorded``; or ``sending``, when it was recorded so to leave at once."""
    ASKING = "asking"
    """It is its turn: log-in, endpoint and breaker are asked for. On disk as before."""
    MARKING = "marking"
    """``sending`` is being made durable; no byte has left."""
    ON_WIRE = "on_wire"
    """Bytes of the request may have reached NICE, and there is no answer yet. On disk ``sending``."""
    PUTTING_BACK = "putting_back"
    """Nothing is on the wire; ``recorded`` is being made durable again."""
    RESTING = "resting"
    """Until the time of the next try. On disk ``recorded``, unless the storage is faulty."""
    OVER = "over"
    """Settled, here or by somebody else."""


class ImpossibleEventError(Exception):
    """The worker gave an event that can't happen in this phase: an internal error."""


class Delivery:
    """The machine of one signal.

    Attributes:
        signal: as it stands, with its attempts; its state is the one on disk, as far as is known.
        phase: where its delivery stands.
    """

    __slots__ = ("_attempt", "_began", "_overtaken", "_rest_until", "_withdrawn", "phase", "signal")

    def __init__(self, signal: Signal) -> None:
        self.signal = signal
        self.phase = Phase.WAITING
        self._began = signal.recorded
        self._rest_until: float | None = None
        self._attempt: Attempt | None = None  # not durable yet
        self._withdrawn = False
        self._overtaken = False

    @property
    def marked(self) -> bool:
        """Whether it is ``sending`` on disk though no byte of it has left in this process."""
        return self.signal.state is SignalState.SENDING and self.phase is Phase.WAITING

    def handle(self, event: Event) -> Action | None:
        """Take an event.

        Returns:
            What to do, or None when nothing is.

        Raises:
            ImpossibleEventError: it can't happen in this phase.
        """
        if self.phase is Phase.OVER:
            return None  # whatever still comes is too late
        react = _TABLE.get((self.phase, type(event))) or _ANY_PHASE.get(type(event))
        if react is None:
            raise ImpossibleEventError(f"{type(event).__name__} in phase {self.phase.value}")
        return react(self, event)

    def unwanted(self, now: float) -> SignalState | None:
        """The state in which it is to be given up now, if it is."""
        if self._withdrawn:
            return SignalState.CANCELLED
        in_vain = self._overtaken and self.signal.attempts
        return SignalState.EXPIRED if in_vain or now >= self.signal.expires else None


def _ask(self: Delivery, event: Turn) -> Action:
    if (state := self.unwanted(event.now)) is not None:
        return _settle(self, state)
    self.phase, self._began = Phase.ASKING, event.now
    return _ASK


def _mark(self: Delivery, event: Ready) -> Action:
    if (state := self.unwanted(event.now)) is not None:
        return _settle(self, state)
    if self.signal.state is SignalState.SENDING:
        return _send(self)
    self.phase = Phase.MARKING
    return Write(SignalState.SENDING)


def _marked(self: Delivery, event: Written) -> Action:
    _stands(self, SignalState.SENDING)
    if (state := self.unwanted(event.now)) is not None:
        return _settle(self, state)
    return _send(self)


def _not_marked(self: Delivery, event: NotWritten) -> Action:
    """Our storage refused it; that is no try. ``recorded`` is written when it is well, whatever it did."""
    if (state := self.unwanted(event.now)) is not None:
        return _settle(self, state)
    self.phase, self._rest_until = Phase.PUTTING_BACK, None
    return Rest(event.now + event.pause)


def _send(self: Delivery) -> Action:
    self.phase = Phase.ON_WIRE
    return _SEND


def _send_again(self: Delivery, event: Ready) -> Action:
    """Ready a second time: 401 or 403 came, which has no effect, and there is a fresh token."""
    if (state := self.unwanted(event.now)) is not None:
        return _settle(self, state)
    return Send(again=True)


def _decide(self: Delivery, event: Answered) -> Action:
    answer, attempt = event.answer, None
    if not _held_again(self, answer):
        attempt = Attempt(self._began, event.now, answer.outcome.value, answer.status, answer.detail)
        _stands(self, self.signal.state, attempt)
    stop = self.unwanted(event.now)
    step = next_step(self.signal, answer, event.now, policy=event.policy, stop=stop, chance=event.chance)
    if not isinstance(step, RetryAt):
        return _settle(self, step.state, attempt)
    if attempt is None and self.signal.state is SignalState.RECORDED:
        self.phase, self._rest_until = Phase.RESTING, step.at
        return Rest(step.at)
    return _put_back(self, attempt, step.at)


def _held_again(self: Delivery, answer: Answer) -> bool:
    """Held back as the time before: it waits on, and asks often; one line of that in the record is enough."""
    last = self.signal.attempts[-1].outcome if self.signal.attempts else ""
    return answer.outcome is Outcome.BREAKER_OPEN and last == Outcome.BREAKER_OPEN.value


def _hold(self: Delivery, _: Held) -> Action | None:
    """``recorded`` on disk is what a signal that waits must be; one that is already just waits."""
    return _put_back(self) if self.marked else None


def _put_back(self: Delivery, attempt: Attempt | None = None, until: float | None = None) -> Action:
    self.phase, self._rest_until, self._attempt = Phase.PUTTING_BACK, until, attempt
    return Write(SignalState.RECORDED, attempt)


def _back(self: Delivery, event: Written) -> Action:
    _stands(self, SignalState.RECORDED)
    self._attempt = None
    if (state := self.unwanted(event.now)) is not None:
        return _settle(self, state)
    if self._rest_until is None or event.now >= self._rest_until:
        return _queue(self)
    self.phase = Phase.RESTING
    return Rest(self._rest_until)


def _not_back(self: Delivery, event: NotWritten) -> Action:
    if (state := self.unwanted(event.now)) is not None:
        return _settle(self, state, self._attempt)
    return Rest(event.now + event.pause)  # and then it is written again


def _write_again(self: Delivery, event: Rested | Woken) -> Action:
    if (state := self.unwanted(event.now)) is not None:
        return _settle(self, state, self._attempt)
    return Write(SignalState.RECORDED, self._attempt)


def _rested(self: Delivery, event: Rested) -> Action:
    state = self.unwanted(event.now)
    return _queue(self) if state is None else _settle(self, state)


def _woken(self: Delivery, event: Woken) -> Action:
    if (state := self.unwanted(event.now)) is not None:
        return _settle(self, state)
    return _queue(self) if self._rest_until is None else Rest(self._rest_until)


def _queue(self: Delivery) -> Action:
    self.phase, self._rest_until = Phase.WAITING, None
    return QUEUE


def _take_up(self: Delivery, event: ProcessStarted) -> Action | None:
    if self.signal.state is not SignalState.SENDING:
        return None
    in_doubt = _in_doubt(self, event.now, "the agent died while it was sent")
    if event.policy.repeat_unknown:
        return _put_back(self, in_doubt)
    return _settle(self, SignalState.UNKNOWN, in_doubt)


def _cut_off(self: Delivery, event: ProcessEnds) -> Action:
    in_doubt = _in_doubt(self, event.now, "the agent was stopped")
    if harmless_twice(self.signal):
        return _put_back(self, in_doubt)
    return _settle(self, SignalState.UNKNOWN, in_doubt)


def _leave(self: Delivery, _: ProcessEnds) -> Action | None:
    """Nothing is on the wire: it is left to the next process, as ``recorded``."""
    doubtful = self.phase is Phase.PUTTING_BACK  # the disk may have taken what it refused
    if self.signal.state is SignalState.SENDING or self._attempt is not None or doubtful:
        return _put_back(self, self._attempt)
    return None


def _in_doubt(self: Delivery, now: float, detail: str) -> Attempt:
    attempt = Attempt(self._began, now, Outcome.UNCERTAIN.value, None, detail)
    _stands(self, self.signal.state, attempt)
    return attempt


def _settle(self: Delivery, state: SignalState, attempt: Attempt | None = None) -> Action:
    self.phase = Phase.OVER
    final = given_up(self.signal, state).state
    _stands(self, final)
    return Settle(final, attempt)


def _stands(self: Delivery, state: SignalState, attempt: Attempt | None = None) -> None:
    """Put the signal as it stands now in the place of the one before, with one more attempt."""
    old = self.signal
    attempts = old.attempts if attempt is None else (*old.attempts, attempt)
    self.signal = Signal(
        old.signal_id, old.call_id, old.account, old.project, old.contact_id, old.moment, old.parameters,
        old.recorded, old.expires, state, attempts, old.channel,
    )  # fmt: skip


def _withdraw(self: Delivery, _: Withdrawn) -> None:
    self._withdrawn = True


def _overtake(self: Delivery, _: Overtaken) -> None:
    self._overtaken = True


def _forget(self: Delivery, _: SettledElsewhere) -> None:
    self.phase = Phase.OVER


# Each reaction takes the one kind of event that it stands next to, or two; hence Any.
_Reaction: TypeAlias = Callable[[Delivery, Any], Action | None]
_TABLE: Final[dict[tuple[Phase, type[Event]], _Reaction]] = {
    (Phase.WAITING, ProcessStarted): _take_up,
    (Phase.WAITING, Held): _hold,
    (Phase.WAITING, Turn): _ask,
    (Phase.ASKING, Ready): _mark,
    (Phase.ASKING, Answered): _decide,  # no log-in, no discovery, breaker open: surely nothing was sent
    (Phase.MARKING, Written): _marked,
    (Phase.MARKING, NotWritten): _not_marked,
    (Phase.ON_WIRE, Ready): _send_again,
    (Phase.ON_WIRE, Answered): _decide,
    (Phase.ON_WIRE, ProcessEnds): _cut_off,
    (Phase.PUTTING_BACK, Written): _back,
    (Phase.PUTTING_BACK, NotWritten): _not_back,
    (Phase.PUTTING_BACK, Rested): _write_again,
    (Phase.PUTTING_BACK, Woken): _write_again,
    (Phase.RESTING, Rested): _rested,
    (Phase.RESTING, Woken): _woken,
}
_ANY_PHASE: Final[dict[type[Event], _Reaction]] = {
    Withdrawn: _withdraw,
    Overtaken: _overtake,
    SettledElsewhere: _forget,
    ProcessEnds: _leave,
}
