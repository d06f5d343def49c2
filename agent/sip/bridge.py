# SPDX-License-Identifier: GPL-3.0-or-later
"""A leg's audio: straight across in C where two legs allow it, else through pjmedia's conference bridge."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol, cast

import pjsua2

from agent.core.quality import spelled
from agent.sip import relay, tap
from agent.sip.audio import LegAudio
from agent.sip.players import Player, Recording
from agent.sip.traffic import Traffic
from agent.telemetry.logs import call_facts, logger

_NOT_TOLD: Final = -1
_log = logger("sip")


class Place(Protocol):
    """A place in the conference bridge: a leg's, or a player's.

    Attributes:
        slot: its number; -1 while there is none.
        generation: grows with each new place: the bridge gives the numbers of old ones out again.
    """

    slot: int
    generation: int


class BridgeAudio:
    """A leg's port in the conference bridge; an `agent.sip.audio.LegAudio`.

    Each offer/answer gives it another place. Two legs that hear each other, and nobody else, are relayed:
    their places stay joined, and rest.

    Args:
        name: of the leg, for logs.
        relays: whether it may be relayed at all.

    Attributes:
        slot: where it is; -1 while no audio flows.
        generation: grows with each new place.
    """

    def __init__(self, name: str, *, relays: bool = False) -> None:
        self.slot = -1
        self.generation = 0
        self._name = name
        self._number = -1
        self._counted = Traffic()
        self._heard: Place | None = None
        self._joined: tuple[Place, int, int] | None = None
        self._listeners: set[BridgeAudio] = set()
        self._recording: Recording | None = None
        self._relays = relays
        self.carried: Callable[[bool, str], None] | None = None
        self._said: tuple[bool, str] | None = None
        self._mixed = ""  # why it goes through the mixer until its next stream
        self._tap = 0

    def __repr__(self) -> str:
        """Short, for logs."""
        return f"<audio of {self._name}>"

    @property
    def flowing(self) -> bool:
        """See `LegAudio`."""
        return self.slot >= 0

    @property
    def level(self) -> int:
        """See `LegAudio`."""
        if self._number < 0:
            return 0
        if self.relayed:
            level = relay.level(self._number)
            if level is not None:
                return level
            self.mix()
        return int(pjsua2.handoff_leg_level(self._number))

    @property
    def relayed(self) -> bool:
        """See `LegAudio`."""
        return self._number >= 0 and relay.is_joined(self._number)

    @property
    def passes_events(self) -> bool:
        """See `LegAudio`."""
        return self._number >= 0 and relay.passes_events(self._number)

    @property
    def traffic(self) -> Traffic:
        """See `LegAudio`."""
        return self._counted.plus(_counts(self._number)) if self._number >= 0 else self._counted

    def changed(self, number: int) -> None:
        """See `LegAudio`."""
        self._number = number
        self.slot = pjsua2.handoff_leg_audio(number)
        self.generation += 1
        self._mixed = ""
        if self._tap:  # no deed: its transport may be another one
            tap.begin(number, self._tap)

    def stopping(self, number: int) -> None:
        """See `LegAudio`."""
        self._counted = self._counted.plus(_counts(number))
        self._number = self.slot = -1

    def hear(self, source: LegAudio | Player | None) -> None:
        """See `LegAudio`."""
        place = cast("Place | None", source)  # all legs of a process are carried alike
        previous, self._heard = self._heard, place
        if previous is not None and previous is not source:
            self._part(previous)
        if isinstance(source, BridgeAudio):
            source._listeners.add(self)  # noqa: SLF001 - another object of this class
        self._join()

    def mix(self) -> None:
        """See `LegAudio`."""
        self._mixed = "the mixer is needed for more than audio"
        self._part_relay()

    def record(self, recording: Recording) -> None:
        """See `LegAudio`."""
        self._recording = recording
        self.mix()
        self.reconnect()

    def tap(self, number: int) -> None:
        """See `LegAudio`."""
        self._tap = number
        if self._number < 0:
            return
        if number:
            tap.begin(self._number, number)
        else:
            tap.end(self._number)

    def reconnect(self) -> None:
        """See `LegAudio`."""
        self._join()
        for listener in self._listeners:
            listener._join()  # noqa: SLF001 - as above
        if self._recording is not None and self.slot >= 0:
            pjsua2.handoff_audio_connect(self.slot, self._recording.slot, 1)

    def close(self) -> None:
        """See `LegAudio`."""
        self._number = self.slot = -1
        self.hear(None)
        for listener in tuple(self._listeners):
            listener.hear(None)
        if self._recording is not None:
            self._recording.close()

    def _join(self) -> None:
        source = self._heard
        if source is None or self.slot < 0 or source.slot < 0:
            return
        joined = (source, source.generation, self.generation)
        if joined == self._joined:
            self._relay()
        elif pjsua2.handoff_audio_connect(source.slot, self.slot, 1) == 0:
            self._joined = joined
            self._relay()
        else:
            _log.warning("audio can't be joined", to=self._name, source=repr(source), **call_facts())

    def _relay(self) -> None:
        """Two legs that hear each other need no mixer."""
        other = self._heard
        if not isinstance(other, BridgeAudio) or other._heard is not self:  # noqa: SLF001 - as above
            return
        if not self._is_joined or not other._is_joined:  # noqa: SLF001 - as above
            return
        why = self._mixed or other._mixed  # noqa: SLF001 - as above
        if not self._relays:
            why = "media.mode says so"
        elif not why:
            why = relay.join(self._number, other._number)  # noqa: SLF001 - as above
        for one in (self, other):
            one._say(not why, why or _detail(one._number))  # noqa: SLF001 - as above

    @property
    def _is_joined(self) -> bool:
        return self._heard is not None and self._joined == (
            self._heard,
            self._heard.generation,
            self.generation,
        )

    def _say(self, relayed: bool, why: str) -> None:  # noqa: FBT001 - an answer
        if self.carried is not None and self._said != (relayed, why):
            self._said = relayed, why
            self.carried(relayed, why)

    def _part_relay(self) -> None:
        if self._number >= 0:
            relay.part(self._number)

    def _part(self, source: Place) -> None:
        if isinstance(source, BridgeAudio):
            self._part_relay()
            source._listeners.discard(self)  # noqa: SLF001 - as above
        if self._joined == (source, source.generation, self.generation):
            pjsua2.handoff_audio_connect(source.slot, self.slot, 0)
        self._joined = None


def _detail(relayed: int) -> str:
    return "µ-law to A-law and back" if relay.changes_law(relayed) else ""


def _counts(number: int) -> Traffic:
    """RTP of the stream that runs now on a native call."""
    counts = pjsua2.handoff_leg_traffic(number)
    if not counts:
        return Traffic()
    received, sent, lost, lost_by_peer, jitter, heard, strays = map(int, counts.split())
    round_trip = pjsua2.handoff_leg_round_trip(number)
    discarded, gap, codec = pjsua2.handoff_leg_quality(number).split(" ", 2)
    return Traffic(
        received,
        sent,
        lost,
        lost_by_peer,
        jitter / 1_000_000,
        heard,
        strays,
        _seconds(round_trip),
        spelled(codec),
        int(discarded),
        _seconds(int(gap)),
    )


def _seconds(microseconds: int) -> float | None:
    return None if microseconds == _NOT_TOLD else microseconds / 1_000_000
