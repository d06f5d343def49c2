# SPDX-License-Identifier: GPL-3.0-or-later
"""How many calls are begun when, how long they last, and where a run surely ends. Pure."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from typing import Final

from agent.core.errors import AgentError
from agent.core.units import seconds
from agent.load.profiles import Profile

HIGHEST_RATE: Final = 2000.0
LONGEST: Final = 86_400.0
MOST_CALLS: Final = 2_000_000
MOST_AT_ONCE: Final = 6000
"""Bounds that no option goes beyond: calls a second, seconds, calls, calls at once."""
_LEAST_ROOM: Final = 50
_SET_UP_SECONDS: Final = 3.0  # what a call may take beside its talk time before the room is too small
_RAMP: Final = re.compile(r"(\d+(?:\.\d+)?)\.\.(\d+(?:\.\d+)?)/(\S+)", re.ASCII)
_BOUNDS: Final = re.compile(r"(\d+(?:\.\d+)?)\.\.(\d+(?:\.\d+)?)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Ramp:
    """A rate that goes evenly from `first` to `last` calls a second within `seconds`, and stays there."""

    first: float
    last: float
    seconds: float

    def at(self, time: float) -> float:
        """Calls a second at that time in seconds after the beginning."""
        if time >= self.seconds:
            return self.last
        return self.first + (self.last - self.first) * max(0.0, time) / self.seconds

    def begun(self, time: float) -> float:
        """How many calls should have begun by then."""
        rising = min(time, self.seconds)
        return (self.first + self.at(rising)) / 2 * rising + max(0.0, time - self.seconds) * self.last

    @property
    def changes(self) -> bool:
        """Whether the rate is not the same all the time."""
        return self.seconds > 0 and self.first != self.last

    def text(self) -> str:
        """As a user writes it."""
        return f"{self.first:g}..{self.last:g}/{self.seconds:g}s" if self.changes else f"{self.last:g}/s"


def steady(rate: float) -> Ramp:
    """One rate all the time."""
    return Ramp(rate, rate, 0.0)


def parse_ramp(text: str) -> Ramp:
    """Read ``50..300/30s``.

    Raises:
        AgentError: it is no ramp.
    """
    match = _RAMP.fullmatch(text.strip())
    wrong = AgentError(f"{text!r} is no ramp: write FROM..TO/TIME in calls a second, such as 50..300/30s")
    if match is None:
        raise wrong
    try:
        time = seconds(match[3])
    except ValueError:
        raise wrong from None
    if not time:
        raise wrong
    return Ramp(float(match[1]), float(match[2]), time)


def parse_bounds(text: str) -> tuple[float, float]:
    """Read the bounds of a search, ``20..400`` calls a second.

    Raises:
        AgentError: these are none.
    """
    match = _BOUNDS.fullmatch(text.strip())
    if match is None or not 0 < float(match[1]) < float(match[2]):
        raise AgentError(f"{text!r} are no bounds: write LOW..HIGH in calls a second, such as 20..400")
    return checked_rate(float(match[1])), checked_rate(float(match[2]))


def checked_rate(rate: float) -> float:
    """The rate.

    Raises:
        AgentError: it is beyond what a load may be.
    """
    if not 0 < rate <= HIGHEST_RATE:
        raise AgentError(
            f"{rate:g} calls a second is out of range: a rate lies above 0 and goes to {HIGHEST_RATE:g}"
        )
    return rate


@dataclass(frozen=True, slots=True)
class Plan:
    """One run.

    Attributes:
        length: seconds in which calls are begun.
        hold: seconds from ACK to the end of a call, by whoever ends it.
        at_once: no call is begun while so many are up.
        calls: no more than so many are begun.
        every: seconds from one sample to the next.
        settle: seconds at the beginning whose set-up times do not count.
    """

    profile: Profile
    ramp: Ramp
    length: float
    hold: float
    at_once: int
    calls: int
    every: float = 1.0
    settle: float = 0.0

    def at(self, rate: float, length: float, settle: float = 0.0) -> Plan:
        """The same at another rate for another time, as a step of a search or a warm-up has it."""
        ramp = steady(rate)
        calls = max(1, math.ceil(ramp.begun(length)))
        return replace(self, ramp=ramp, length=length, calls=calls, settle=settle)

    @property
    def wanted(self) -> int:
        """How many calls its rate asks for."""
        return min(self.calls, max(1, math.ceil(self.ramp.begun(self.length))))


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the user says instead of the profile; None: as the profile has it."""

    rate: float | None = None
    ramp: str | None = None
    length: float | None = None
    hold: float | None = None
    at_once: int | None = None
    calls: int | None = None
    highest: float | None = None
    """The highest rate of a search: room is made for it."""


def planned(profile: Profile, wishes: Wishes) -> Plan:
    """Merge a profile and what the user says.

    Raises:
        AgentError: two of it contradict each other, or a bound is passed.
    """
    ramp = _ramp(profile, wishes)
    length = wishes.length if wishes.length is not None else max(profile.length, ramp.seconds)
    hold = wishes.hold if wishes.hold is not None else profile.hold
    _within("the length", length, LONGEST)
    _within("the talk time", hold, LONGEST)
    if length < ramp.seconds:
        raise AgentError(f"--for {length:g}s ends before the ramp of {ramp.seconds:g}s: make it longer")
    if length <= 0:
        raise AgentError("--for 0s begins no call: write how long calls are begun, such as 30s")
    peak = max(ramp.first, ramp.last, wishes.highest or 0.0)
    calls = math.ceil(ramp.begun(length))
    if wishes.calls is not None:
        calls = min(calls, _count("--calls", wishes.calls, MOST_CALLS))
    if calls > MOST_CALLS:
        raise AgentError(f"that would be {calls} calls; a run has {MOST_CALLS} at most: lower rate or length")
    room = max(_LEAST_ROOM, math.ceil(peak * (hold + _SET_UP_SECONDS)))
    at_once = _count("--at-once", wishes.at_once, MOST_AT_ONCE) if wishes.at_once is not None else room
    if at_once > MOST_AT_ONCE:
        raise AgentError(
            f"{peak:g} calls a second that last {hold:g}s are {at_once} at once; {MOST_AT_ONCE} is the most: "
            "lower --rate or --hold, or set --at-once"
        )
    every = max(1.0, math.ceil(length / 3600))
    return Plan(profile, ramp, length, hold, at_once, max(1, calls), every)


def _ramp(profile: Profile, wishes: Wishes) -> Ramp:
    if wishes.ramp is not None:
        if wishes.rate is not None:
            raise AgentError("--rate and --ramp exclude each other: leave one out")
        ramp = parse_ramp(wishes.ramp)
        for rate in (ramp.first, ramp.last):
            checked_rate(rate)
        return ramp
    return steady(checked_rate(wishes.rate if wishes.rate is not None else profile.rate))


def _within(what: str, value: float, most: float) -> None:
    if value > most:
        raise AgentError(f"{what}, {value:g}s, is out of range: {most:g}s is the most")


def _count(option: str, value: int, most: int) -> int:
    if not 1 <= value <= most:
        raise AgentError(f"{option} {value} is out of range: it lies between 1 and {most}")
    return value
