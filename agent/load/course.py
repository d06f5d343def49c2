# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run was like: a sample a second, every set-up time, and the figures that follow. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from agent.load.limits import Figure
from agent.load.plan import Plan
from agent.load.scrape import Metrics
from agent.load.words import Trouble

_LONG_SECONDS: Final = 60.0  # before that an agent fills its pools
_ACCEPTED: Final = "accepted"
_WITHDRAWN: Final = "cancelled"  # a caller who hung up first: nothing is wrong


class End(StrEnum):
    """How a run ended."""

    DONE = "done"
    INTERRUPTED = "interrupted"
    DIED = "died"


@dataclass(frozen=True, slots=True)
class Sample:
    """How it was at one moment; None where it was not measured.

    Attributes:
        time: seconds after the beginning.
        rate: calls a second that were asked for.
        begun, done, failed, retransmissions: since the beginning.
        up: calls under way.
        setup_p50, setup_p95, setup_p99: seconds, of the calls answered since the sample before.
        flood, flood_failed: calls of the flood since the beginning, and those not refused in order.
        cpu: percent of one core since the sample before, by process.
        memory: resident bytes of the agent.
        signals, signals_failed: settled since the beginning; pending now.
        signal_p50, signal_p99: seconds from moment to acceptance, since the sample before.
        lost, expected: packets of the measured call since the beginning.
        gap: seconds, the longest in it since the sample before.
        agent_lost, agent_received: RTP packets by the agent's count since the beginning.
    """

    time: float
    rate: float
    begun: int
    up: int
    done: int
    failed: int
    retransmissions: int
    setup_p50: float | None = None
    setup_p95: float | None = None
    setup_p99: float | None = None
    flood: int | None = None
    flood_failed: int | None = None
    cpu: Mapping[str, float] = field(default_factory=dict)
    memory: int | None = None
    signals: int | None = None
    signals_failed: int | None = None
    signals_pending: int | None = None
    signal_p50: float | None = None
    signal_p99: float | None = None
    lost: int | None = None
    expected: int | None = None
    gap: float | None = None
    agent_lost: int | None = None
    agent_received: int | None = None


@dataclass(frozen=True, slots=True)
class Nice:
    """What the simulated CXone had of all calls: signals, those missing, those accepted more than once."""

    due: int
    missing: int
    twice: int


@dataclass(frozen=True, slots=True)
class Course:
    """A run that is over.

    Attributes:
        began: seconds since the epoch.
        samples: in order of time; the last one has the final counts.
        when, waited: each answered call: seconds after the beginning, seconds from INVITE to 200.
        reasons: failed calls by what failed, in words.
        troubles: what SIPp's error log says.
        before, after: the agent's metrics; None if nobody said where they are.
        why: for an end that is not `End.DONE`, in words.
    """

    plan: Plan
    began: float
    end: End
    why: str
    samples: tuple[Sample, ...]
    when: Sequence[float]
    waited: Sequence[float]
    reasons: Mapping[str, int]
    troubles: tuple[Trouble, ...]
    before: Metrics | None = None
    after: Metrics | None = None
    leftovers: int | None = None
    nice: Nice | None = None

    @property
    def last(self) -> Sample:
        """The final counts."""
        return self.samples[-1]

    def counted(self) -> list[float]:
        """The set-up times that count, shortest first."""
        settle = self.plan.settle
        return sorted(wait for when, wait in zip(self.when, self.waited, strict=True) if when >= settle)


def quantile(ordered: Sequence[float], share: float) -> float:
    """A quantile of values that are in order; 0 of none."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def figures(course: Course) -> dict[str, Figure]:
    """Everything of `limits.MEASURES` that was measured."""
    last = course.last
    found = {
        "failures": Figure(last.failed, max(1, last.begun)),
        "retransmissions": Figure(last.retransmissions, max(1, last.begun)),
        "reached": Figure(min(100.0, last.begun / _asked_for(course) * 100)),
    }
    waits = course.counted()
    if waits:
        shares = (("setup_p50", 0.5), ("setup_p95", 0.95), ("setup_p99", 0.99))
        found |= {name: Figure(quantile(waits, share)) for name, share in shares}
        found["setup_max"] = Figure(waits[-1])
    if last.flood is not None:
        found["flood_failures"] = Figure(last.flood_failed or 0, max(1, last.flood))
    if last.expected:
        found["loss"] = Figure(last.lost or 0, last.expected)
        found["gap"] = Figure(max((one.gap for one in course.samples if one.gap is not None), default=0.0))
    if course.nice is not None:
        found["signals_missing"] = Figure(course.nice.missing, max(1, course.nice.due))
        found["signals_twice"] = Figure(course.nice.twice, max(1, course.nice.due))
    return found | _of_metrics(course) | _of_processes(course)


def _asked_for(course: Course) -> float:
    """How many calls the rate asks for in the time that the run had."""
    plan = course.plan
    if course.end is End.DONE:
        return max(1.0, min(plan.calls, plan.ramp.begun(plan.length)))
    calling = max((one.time for one in course.samples if one.rate), default=0.0)
    return max(1.0, min(plan.calls, plan.ramp.begun(min(plan.length, calling))))


def _of_metrics(course: Course) -> dict[str, Figure]:
    before, after = course.before, course.after
    if after is None:
        return {}
    settled = after.since(before, "handoff_signals_total")
    good = sum(after.since(before, "handoff_signals_total", outcome=one) for one in (_ACCEPTED, _WITHDRAWN))
    received = after.since(before, "handoff_rtp_packets_received_total")
    lost = after.since(before, "handoff_rtp_packets_lost_total")
    found = {
        "errors": Figure(after.since(before, "handoff_internal_errors_total")),
        "signals_failed": Figure(settled - good, max(1.0, settled)),
    }
    if received:
        found["rtp_lost"] = Figure(lost, received + lost)
    for name, metric in (
        ("signal_p99", "handoff_signal_seconds"),
        ("loop_lag_p99", "handoff_loop_lag_seconds"),
    ):
        if (value := after.quantile(before, metric, 0.99)) is not None:
            found[name] = Figure(value)
    if course.leftovers is not None:
        found["leftovers"] = Figure(course.leftovers)
    return found


def _of_processes(course: Course) -> dict[str, Figure]:
    """The CPU of the first process that is watched, and how the agent's memory grew after its first third."""
    found: dict[str, Figure] = {}
    used = [next(iter(one.cpu.values())) for one in course.samples if one.cpu]
    if used:
        found["cpu"] = Figure(sum(used) / len(used))
    memory = [one.memory for one in course.samples if one.memory]
    if memory and course.last.time >= _LONG_SECONDS:
        early, late = memory[len(memory) // 3], memory[-1]
        found["memory_growth"] = Figure(max(0.0, (late - early) / early * 100))
    return found
