# SPDX-License-Identifier: GPL-3.0-or-later
"""The seam between a leg and what carries its audio: `agent.sip.bridge`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from agent.sip.players import Player, Recording
from agent.sip.traffic import Traffic


class LegAudio(Protocol):
    """One leg's audio through every change of its media: what it hears, and what is known of it.

    Attributes:
        carried: told when it is relayed or mixed with another leg from then on: whether relayed, and why not.
    """

    carried: Callable[[bool, str], None] | None

    @property
    def flowing(self) -> bool:
        """Whether an offer and answer gave the leg an audio stream."""

    @property
    def relayed(self) -> bool:
        """Whether it goes straight to and from another leg just now, past the mixer."""

    @property
    def passes_events(self) -> bool:
        """Whether telephone-events of the far end reach the other leg by themselves."""

    @property
    def level(self) -> int:
        """How loud the far end is just now: mean amplitude of a frame, 0 to 32767."""

    @property
    def traffic(self) -> Traffic:
        """RTP counted until now, the running stream included; complete once the leg has ended."""

    def changed(self, number: int) -> None:
        """The stream of native call `number` is a new one, or gone. Native code calls: it must not act."""

    def stopping(self, number: int) -> None:
        """The stream of native call `number` is about to go, and can still be counted. Native code calls."""

    def reconnect(self) -> None:
        """Join again what belongs together, after a change; no native code is on the stack."""

    def hear(self, source: LegAudio | Player | None) -> None:
        """Play another leg's audio, or a player's, towards the leg from now on; None for nobody's."""

    def mix(self) -> None:
        """Go through the mixer until the next offer and answer, for what only that can do."""

    def record(self, recording: Recording) -> None:
        """Write what comes from the leg into a file from now on, until the leg ends."""

    def tap(self, number: int) -> None:
        """Copy its RTP and RTCP under this number (`agent.sip.tap`) from now on; 0 for no more."""

    def close(self) -> None:
        """The leg is gone: nobody hears it any more, and it hears nobody."""
