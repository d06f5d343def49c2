# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a leg's audio is in the conference bridge, and what it hears there, through every change of media."""

from __future__ import annotations

from typing import Protocol

import pjsua2

from agent.sip.players import Recording
from agent.telemetry.logs import logger

_log = logger("sip")


class Source(Protocol):
    """Something that can be heard: a leg's port or a player."""

    @property
    def slot(self) -> int:
        """Its place in the conference bridge as it is now; -1 while there is none."""

    @property
    def generation(self) -> int:
        """Grows with each new place: the bridge gives the numbers of old ones out again."""


class Port:
    """A leg's place in the conference bridge. Each offer/answer gives it another.

    Args:
        name: of the leg, for logs.

    Attributes:
        slot: where it is; -1 while no audio flows.
        generation: grows with each new place.
    """

    def __init__(self, name: str) -> None:
        self.slot = -1
        self.generation = 0
        self._name = name
        self._heard: Source | None = None
        self._joined: tuple[Source, int, int] | None = None
        self._listeners: set[Port] = set()
        self._recording: Recording | None = None

    def __repr__(self) -> str:
        """Short, for logs."""
        return f"<Port of {self._name}>"

    def moved(self, slot: int) -> None:
        """It has another place now, or none. Called by native code: nothing is joined before `reconnect`."""
        self.slot = slot
        self.generation += 1

    def hear(self, source: Source | None) -> None:
        """Play `source` towards the leg from now on."""
        previous, self._heard = self._heard, source
        if previous is not None and previous is not source:
            self._part(previous)
        if isinstance(source, Port):
            source._listeners.add(self)  # noqa: SLF001 - another object of this class
        self._join()

    def record(self, recording: Recording) -> None:
        """Write what comes from the leg into a file from now on."""
        self._recording = recording
        self.reconnect()

    def reconnect(self) -> None:
        """Join again what belongs together, after a move."""
        self._join()
        for listener in self._listeners:
            listener._join()  # noqa: SLF001 - as above
        if self._recording is not None and self.slot >= 0:
            pjsua2.handoff_audio_connect(self.slot, self._recording.slot, 1)

    def close(self) -> None:
        """The leg is gone: nobody hears it any more, and it hears nobody."""
        self.slot = -1
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
            return
        if pjsua2.handoff_audio_connect(source.slot, self.slot, 1) == 0:
            self._joined = joined
        else:
            _log.warning("audio can't be joined", to=self._name, source=repr(source))

    def _part(self, source: Source) -> None:
        if isinstance(source, Port):
            source._listeners.discard(self)  # noqa: SLF001 - as above
        if self._joined == (source, source.generation, self.generation):
            pjsua2.handoff_audio_connect(source.slot, self.slot, 0)
        self._joined = None
