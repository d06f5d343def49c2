# SPDX-License-Identifier: GPL-3.0-or-later
"""What follows from an answer: the signal, webhook or transcript is settled, or tried again at a time. Pure.

A second signal restarts the Studio script, so one is repeated only when the one before surely had no effect.
NICE documents no idempotency key and no list of statuses for this call; the rules are therefore cautious.
They are the same for transcripts. A webhook carries an id by which its receiver knows a repetition: it is
repeated until it is taken or of no use any more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

from agent.core.model.project import Project
from agent.core.moments import SignalState
from agent.core.outcomes import IN_DOUBT, Answer
from agent.core.records import Channel, Signal

FIRST_PAUSE: Final = 0.2
LONGEST_PAUSE: Final = 10.0
LONGEST_HEEDED: Final = 30.0
"""Of signals and log-ins: a caller waits in the script, for two minutes by default."""
_SPREAD: Final = 0.1  # of Retry-After, so that a tenant's signals do not all come back in one instant


@dataclass(frozen=True, slots=True)
class Settle:
    """The signal is settled in this final state."""

    state: SignalState


@dataclass(frozen=True, slots=True)
class RetryAt:
    """The signal stands as ``recorded`` again and is tried at this time (seconds since the epoch)."""

    at: float


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast tries follow each other, in seconds.

    Attributes:
        first: pauses double from this one
        longest: to this one.
        heeded: the longest that is waited because the other side asked for it: a gateway that says a day, or
            a number that is none, must not silence whoever waits.
    """

    first: float = FIRST_PAUSE
    longest: float = LONGEST_PAUSE
    heeded: float = LONGEST_HEEDED


@dataclass(frozen=True, slots=True)
class Policy:
    """What may be repeated, and how fast.

    Attributes:
        repeat_unknown: repeat whatever may have taken effect.
        retry_server_faults: repeat after 500, 502 and 504, where a tenant's are known to be without effect.
        pace: of the tries.
    """

    repeat_unknown: bool = False
    retry_server_faults: bool = False
    pace: Pace = Pace()

    def leaves_to_repeat(self, answer: Answer) -> bool:
        """Whether a request that brought this answer may be repeated."""
        faulty = answer.status in answer.outcome.meaning.retry_server_faults
        in_doubt = answer.outcome in IN_DOUBT
        return answer.may_retry or (self.repeat_unknown and in_doubt) or (self.retry_server_faults and faulty)


CAUTIOUS: Final = Policy()
_ALLOWED: Final = {(a, b): Policy(a, b) for a in (False, True) for b in (False, True)}
# Nobody waits for these, and they may be tried for a day: some hundred tries, not a hundred thousand.
_UNHURRIED: Final = Pace(first=1.0, longest=300.0, heeded=3600.0)
AT_LEAST_ONCE: Final = Policy(repeat_unknown=True, pace=_UNHURRIED)
"""Of webhooks."""
AT_MOST_ONCE: Final = Policy(pace=_UNHURRIED)
"""Of transcripts."""

Next: TypeAlias = Settle | RetryAt


def policy_of(project: Project | None, channel: Channel) -> Policy:
    """What may be repeated: of signals what the project allows, nothing when it is configured no more."""
    if channel is Channel.WEBHOOK:
        return AT_LEAST_ONCE
    if channel is Channel.TRANSCRIPT:
        return AT_MOST_ONCE
    return CAUTIOUS if project is None else _ALLOWED[project.repeat_unknown, project.retry_server_faults]


def next_step(
    signal: Signal,
    answer: Answer,
    now: float,
    *,
    policy: Policy,
    stop: SignalState | None,
    chance: float,
) -> Next:
    """Decide what becomes of a signal after a try.

    Args:
        signal: with all its attempts, the one just made included.
        answer: what that one brought.
        now: seconds since the epoch.
        policy: the project's leave to repeat what may have taken effect.
        stop: the state to give up in when no further try is wanted (the caller hung up, say), else None.
        chance: a random number, 0 <= chance < 1.
    """
    if answer.accepted:
        return Settle(SignalState.ACCEPTED)
    if not policy.leaves_to_repeat(answer):
        return given_up(signal, SignalState.REFUSED)
    if stop is not None:
        return given_up(signal, stop)
    if now >= signal.expires:
        return given_up(signal, SignalState.EXPIRED)
    # One whose pause is longer than its time rests until that is over: it is not given up before.
    return RetryAt(min(now + pause(answer, len(signal.attempts), chance, policy.pace), signal.expires))


def given_up(signal: Signal, state: SignalState) -> Settle:
    """Settle a signal that will not be tried again; one that may have taken effect is ``unknown``.

    A webhook is not: its receiver answers with 2xx what it has taken, and may be told again.
    """
    if state is SignalState.ACCEPTED or harmless_twice(signal):
        return Settle(state)
    in_doubt = any(attempt.outcome in IN_DOUBT for attempt in signal.attempts)
    return Settle(SignalState.UNKNOWN if in_doubt else state)


def harmless_twice(signal: Signal) -> bool:
    """Whether the receiver knows a repetition for what it is, by the id that it carries."""
    return signal.channel is Channel.WEBHOOK


def pause(answer: Answer, tries: int, chance: float, pace: Pace = CAUTIOUS.pace) -> float:
    """Seconds until the next try: exponential with full jitter, and at least what Retry-After asks for.

    That is heeded up to a bound, whatever number came.
    """
    drawn = chance * min(pace.longest, pace.first * 2.0 ** min(tries, 30))
    drawn = max(drawn, answer.outcome.meaning.least_pause)
    if answer.retry_after is None or not answer.retry_after > 0:  # NaN is none
        return drawn
    return max(min(answer.retry_after, pace.heeded) * (1 + _SPREAD * chance), drawn)
