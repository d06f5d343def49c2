# SPDX-License-Identifier: GPL-3.0-or-later
"""The profiles: what each does, its rate, its length, and the limits that it is judged by. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

_ALWAYS: Final = ("failures=0.1%", "errors=0", "leftovers=0")
_SIGNALS: Final = ("signals_failed=0.1%", "signals_missing=0", "signals_twice=0")


@dataclass(frozen=True, slots=True)
class Profile:
    """A kind of load.

    Attributes:
        does: what happens, in one line.
        proves: what a run within its limits shows.
        rate: calls begun each second.
        length: seconds in which they are begun.
        hold: seconds that each lasts after ACK.
        limits: as a user writes them (`limits.parse_limit`).
        scenario, voice_agent: files in ``scenarios/``.
        media: SIPp sends audio in each call, which the voice agent echoes.
        listens: one more call is placed by this program itself, whose audio is measured packet by packet.
        flood: so many calls a second besides, to a number that nobody has.
        warm_up: so many calls are placed and forgotten first, so that tokens and caches are there.
        search: the bounds of a search, calls a second.
    """

    name: str
    does: str
    proves: str
    rate: float
    length: float
    hold: float
    limits: tuple[str, ...]
    scenario: str = "caller_signalling.xml"
    voice_agent: str = "voice_agent.xml"
    media: bool = False
    listens: bool = False
    flood: float = 0.0
    warm_up: int = 20
    search: tuple[float, float] = (20.0, 500.0)


_ALL: Final = (
    Profile(
        "smoke",
        "a few calls, each with its arrival signal",
        "calls come up, are signalled once each and leave nothing behind",
        rate=5,
        length=4,
        hold=0.5,
        limits=("failures=0", "setup_p99=500ms", "errors=0", "leftovers=0", *_SIGNALS),
        warm_up=1,
    ),
    Profile(
        "signalling",
        "short calls without audio, each with its arrival signal",
        "the set-up rate: how many calls a second come up in good time",
        rate=100,
        length=30,
        hold=0.2,
        limits=(*_ALWAYS, "retransmissions=1%", "reached=95%", "setup_p99=50ms", "signal_p99=1s", *_SIGNALS),
    ),
    Profile(
        "media",
        "calls with G.711 both ways, and one more whose audio is measured packet by packet",
        "audio of many calls at once gets through without loss and without a gap",
        rate=5,
        length=30,
        hold=20,
        limits=(*_ALWAYS, "reached=95%", "setup_p99=100ms", "loss=0.1%", "gap=100ms"),
        scenario="caller_media.xml",
        media=True,
        listens=True,
        search=(5.0, 50.0),
    ),
    Profile(
        "handoff",
        "calls that the voice agent hands back by BYE with headers, each with two signals",
        "handoffs under load: NICE has each signal once and soon, and callers are given back",
        rate=20,
        length=30,
        hold=1,
        limits=(*_ALWAYS, "retransmissions=1%", "reached=95%", "setup_p99=100ms", "signal_p99=1s", *_SIGNALS),
        scenario="caller_handed_back.xml",
        voice_agent="voice_agent_hands_off.xml",
        search=(5.0, 200.0),
    ),
    Profile(
        "soak",
        "calls with audio for an hour (--for 8h for a night)",
        "nothing grows: memory, calls that stay up, set-up times",
        rate=3,
        length=3600,
        hold=20,
        limits=(
            *_ALWAYS,
            "reached=95%",
            "setup_p99=100ms",
            "loss=0.1%",
            "gap=200ms",
            "memory_growth=20%",
            *_SIGNALS,
        ),
        scenario="caller_media.xml",
        media=True,
        listens=True,
        search=(1.0, 20.0),
    ),
    Profile(
        "flood",
        "INVITEs to a number that nobody has, and good calls beside them",
        "what is refused costs the good calls nothing",
        rate=20,
        length=30,
        hold=0.2,
        limits=(*_ALWAYS, "flood_failures=0.1%", "reached=95%", "setup_p99=100ms", *_SIGNALS),
        flood=300,
        search=(5.0, 200.0),
    ),
    Profile(
        "own",
        "your own scenario (--scenario FILE) as the caller",
        "what the scenario asks for, at a rate",
        rate=10,
        length=30,
        hold=1,
        limits=(*_ALWAYS,),
        scenario="",
    ),
)
PROFILES: Final[Mapping[str, Profile]] = {profile.name: profile for profile in _ALL}
"""All profiles by name."""
