# SPDX-License-Identifier: GPL-3.0-or-later
"""What is measured in a load, and the limits that it is judged by. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from agent.core.errors import AgentError
from agent.core.units import seconds

_SHARE: Final = re.compile(r"(\d+(?:\.\d+)?)\s*%", re.ASCII)
_COUNT: Final = re.compile(r"\d+", re.ASCII)


class Unit(StrEnum):
    """How a measure is written."""

    CASES = "cases"  # a count, or the share of it in a base
    TIME = "time"  # seconds
    PERCENT = "percent"  # a number that is a percentage by itself


class Source(StrEnum):
    """What a measure can't be known without."""

    SIPP = "SIPp"
    METRICS = "the agent's /metrics (--metrics URL)"
    CPU = "a process (--cpu-of) or the agent's /metrics (--metrics URL)"
    LONG = "a run of a minute at least, and the agent's process or its /metrics (--metrics URL)"
    NICE = "the simulated CXone, which a run without --target starts"
    AUDIO = "the measured call, which profiles with audio place"


@dataclass(frozen=True, slots=True)
class Measure:
    """One thing that is measured.

    Attributes:
        says: what it is, in words.
        at_least: a limit of it is the least that is right; else it is the most.
    """

    name: str
    unit: Unit
    source: Source
    says: str
    at_least: bool = False


_ALL: Final = (
    Measure("failures", Unit.CASES, Source.SIPP, "calls that did not go by the scenario"),
    Measure("retransmissions", Unit.CASES, Source.SIPP, "SIP messages that a caller had to send again"),
    Measure(
        "reached", Unit.PERCENT, Source.SIPP, "calls begun, of those that the rate asks for", at_least=True
    ),
    Measure("setup_p50", Unit.TIME, Source.SIPP, "INVITE to 200, as half of the callers saw it"),
    Measure("setup_p95", Unit.TIME, Source.SIPP, "INVITE to 200, as 95 % of the callers saw it"),
    Measure("setup_p99", Unit.TIME, Source.SIPP, "INVITE to 200, as 99 % of the callers saw it"),
    Measure("setup_max", Unit.TIME, Source.SIPP, "INVITE to 200, the longest"),
    Measure("flood_failures", Unit.CASES, Source.SIPP, "calls of the flood that were not refused in order"),
    Measure("signals_failed", Unit.CASES, Source.METRICS, "signals that NICE did not accept"),
    Measure("signal_p99", Unit.TIME, Source.METRICS, "moment to NICE's acceptance, for 99 % of the signals"),
    Measure("signals_missing", Unit.CASES, Source.NICE, "signals that NICE should have had and has not"),
    Measure("signals_twice", Unit.CASES, Source.NICE, "signals that NICE accepted more than once"),
    Measure("loss", Unit.CASES, Source.AUDIO, "RTP packets of the measured call that did not come back"),
    Measure("gap", Unit.TIME, Source.AUDIO, "the longest time without audio in the measured call"),
    Measure("rtp_lost", Unit.CASES, Source.METRICS, "RTP packets lost, by the agent's count"),
    Measure("loop_lag_p99", Unit.TIME, Source.METRICS, "how late the agent's event loop was, 99 %"),
    Measure("errors", Unit.CASES, Source.METRICS, "internal errors of the agent"),
    Measure("leftovers", Unit.CASES, Source.METRICS, "calls that the agent still had up after the end"),
    Measure("memory_growth", Unit.PERCENT, Source.LONG, "growth of the agent's memory after the start"),
    Measure("cpu", Unit.PERCENT, Source.CPU, "CPU of the process, of one core, on average"),
)
MEASURES: Final[Mapping[str, Measure]] = {measure.name: measure for measure in _ALL}
"""All measures by name, in the order in which they are told."""


@dataclass(frozen=True, slots=True)
class Figure:
    """What was measured: seconds, a percentage, or a count out of ``of`` cases."""

    value: float
    of: float | None = None

    @property
    def percent(self) -> float:
        """The share of the cases; 0 if there were none."""
        return self.value / self.of * 100 if self.of else 0.0


Figures = Mapping[str, Figure]


@dataclass(frozen=True, slots=True)
class Limit:
    """The most (or the least) that is right.

    Attributes:
        value: seconds, a percentage or a count.
        share: the value is a percentage of the cases.
        asked: the user named it; a limit that only the profile names is passed over where it can't be judged.
    """

    measure: Measure
    value: float
    share: bool = False
    asked: bool = False

    def text(self) -> str:
        """The limit as a user writes it, such as ``setup_p99=50ms``."""
        return f"{self.measure.name}={said(self.measure, self.value, share=self.share)}"

    def holds(self, figure: Figure) -> bool:
        """Whether what was measured is within it."""
        value = figure.percent if self.share else figure.value
        return value >= self.value if self.measure.at_least else value <= self.value


@dataclass(frozen=True, slots=True)
class Judged:
    """A limit and what became of it; ``held`` is None where nothing was measured that it could be held to."""

    limit: Limit
    figure: Figure | None
    held: bool | None

    @property
    def broken(self) -> bool:
        """Whether it speaks against the run: not held, or asked for and not measured."""
        return self.held is False or (self.held is None and self.limit.asked)

    def text(self) -> str:
        """One line for people."""
        measure = self.limit.measure
        bound = "at least" if measure.at_least else "at most"
        wanted = f"{bound} {said(measure, self.limit.value, share=self.limit.share)}"
        if self.figure is None:
            return f"{measure.name} not measured (it needs {measure.source.value}); {wanted}"
        return f"{measure.name} {figure_text(measure, self.figure)}; {wanted}"


def parse_limit(text: str) -> tuple[str, Limit | None]:
    """Read ``failures=0.1%``, ``setup_p99=50ms``, ``errors=0``, ``cpu=80%``; ``off`` for no limit.

    Returns:
        The measure's name, and the limit or None for ``off``.

    Raises:
        AgentError: it is none; the text says what would be right.
    """
    name, equals, value = (part.strip() for part in text.partition("="))
    measure = MEASURES.get(name)
    if not equals or measure is None:
        raise AgentError(f"{text!r} is no limit: write NAME=VALUE, NAME one of {', '.join(MEASURES)}")
    if value == "off":
        return name, None
    share = _SHARE.fullmatch(value)
    match measure.unit:
        case Unit.TIME:
            try:
                return name, Limit(measure, seconds(value), asked=True)
            except ValueError as error:
                raise AgentError(f"{text!r}: {error}") from None
        case Unit.PERCENT:
            if share is None:
                raise AgentError(f"{text!r}: {name} is a percentage: write {name}=80%")
            return name, Limit(measure, float(share[1]), asked=True)
        case Unit.CASES:
            if share is not None:
                return name, Limit(measure, float(share[1]), share=True, asked=True)
            if _COUNT.fullmatch(value) is None:
                raise AgentError(f"{text!r}: write a share or a count, {name}=0.1% or {name}=3")
            return name, Limit(measure, float(value), asked=True)


def limits_of(defaults: Iterable[str], asked: Iterable[str]) -> tuple[Limit, ...]:
    """The limits of a profile, and what the user says instead or besides.

    Raises:
        AgentError: one is none.
    """
    limits: dict[str, Limit] = {}
    for text in defaults:
        name, limit = parse_limit(text)
        if limit is not None:
            limits[name] = Limit(limit.measure, limit.value, limit.share)
    for text in asked:
        name, limit = parse_limit(text)
        limits.pop(name, None)
        if limit is not None:
            limits[name] = limit
    return tuple(limits[name] for name in MEASURES if name in limits)


def judge(limits: Iterable[Limit], figures: Figures) -> tuple[Judged, ...]:
    """Hold what was measured to each limit."""
    return tuple(_judged(limit, figures.get(limit.measure.name)) for limit in limits)


def _judged(limit: Limit, figure: Figure | None) -> Judged:
    return Judged(limit, figure, None if figure is None else limit.holds(figure))


def said(measure: Measure, value: float, *, share: bool = False) -> str:
    """A value of a measure with its unit."""
    if measure.unit is Unit.TIME:
        return time_text(value)
    return f"{value:g}%" if share or measure.unit is Unit.PERCENT else f"{value:g}"


def figure_text(measure: Measure, figure: Figure) -> str:
    """What was measured, for people."""
    if measure.unit is Unit.TIME:
        return time_text(figure.value)
    if measure.unit is Unit.PERCENT:
        return f"{figure.value:.1f} %"
    if figure.of is None:
        return f"{figure.value:.0f}"
    return f"{figure.value:.0f} of {figure.of:.0f} ({figure.percent:.3g} %)"


def time_text(value: float) -> str:
    """Seconds as people write them: 9.4ms, 250ms, 1.2s."""
    if value >= 1:
        return f"{value:.3g}s"
    return f"{value * 1000:.3g}ms"
