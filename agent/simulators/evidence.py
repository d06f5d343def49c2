# SPDX-License-Identifier: GPL-3.0-or-later
"""What the parties to a rehearsed call saw, each from its own side."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final, TypeAlias

from agent.simulators.combination import Combination
from agent.simulators.voices import Part, Voice, parts, voice_of
from agent.simulators.wire import Dialog, Wire
from agent.simulators.wiretap import Place

Json: TypeAlias = Mapping[str, Any]

VOICE_AGENT: Final = "voice agent"
QUEUE: Final = "human queue"
COMFORT: Final = "comfort"
"""Whom the caller can hear; the last is the agent's own comfort audio."""


@dataclass(frozen=True)
class Evidence:
    """One call as it was.

    Attributes:
        shown: which handoff was to be shown.
        call_id: the agent's id of the call.
        contact_id: the CXone contact.
        story: the agent's time line, entries as ``GET /calls/{id}/story`` gives them.
        record: the call as the agent stored it.
        signals: what the CXone simulator received for the contact.
        voice_agent: what the voice agent told, line by line.
        queue: what the human queue told; empty when it did not take part.
        wire: what went over the loopback interface.
        voice_agent_place: where the voice agent listens.
        queue_uri: where the caller goes back to, by REFER or bridge.
        queue_place: where that is.
        voices: the WAV files that were spoken to the caller, by who spoke them.
        exit_code: SIPp's; 0 when the dialog went as its scenario says.
    """

    shown: Combination
    call_id: str
    contact_id: str
    story: Sequence[Json]
    record: Json
    signals: Sequence[Json]
    voice_agent: Sequence[Json]
    queue: Sequence[Json]
    wire: Wire
    voice_agent_place: Place
    queue_uri: str
    queue_place: Place
    voices: Mapping[str, Path]
    exit_code: int

    def heard_until(self, when: float) -> dict[str, Part]:
        """Whom the caller heard before a moment, in seconds since the epoch."""
        return parts((one for one in self.wire.ear.frames if one[0] < when), self._known, tone=COMFORT)

    @cached_property
    def heard(self) -> dict[str, Part]:
        """Whom the caller heard, and when."""
        return self.heard_until(math.inf)

    @cached_property
    def _known(self) -> dict[str, Voice]:
        return {name: voice_of(path) for name, path in self.voices.items()}

    @property
    def agent_dialog(self) -> Dialog | None:
        """The dialog with the voice agent."""
        return self.wire.dialled.get(self.voice_agent_place)

    @property
    def queue_dialog(self) -> Dialog | None:
        """The dialog with the human queue."""
        return self.wire.dialled.get(self.queue_place)
