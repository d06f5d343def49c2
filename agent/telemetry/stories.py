# SPDX-License-Identifier: GPL-3.0-or-later
"""The story of each recent call on one time line: SIP messages, decisions, signal attempts, audio."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

_STORIES_AT_MOST = 1000
_ENTRIES_AT_MOST = 400


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a story. `when` is in seconds since the epoch; `kind` is sip, decision, signal or audio."""

    when: float
    kind: str
    text: str


class SipRecord(Protocol):
    """A SIP message that passed the node, as `agent.sip.native.TraceRecord` has it."""

    @property
    def when(self) -> float:
        """Seconds since the epoch."""

    @property
    def received(self) -> bool:
        """Whether it came in."""

    @property
    def transport(self) -> str:
        """The transport's name, in lower case."""

    @property
    def peer(self) -> str:
        """Address and port of the other end."""

    @property
    def sip_call_id(self) -> str:
        """The Call-ID."""

    @property
    def sequence(self) -> str:
        """The CSeq."""

    @property
    def start_line(self) -> str:
        """Request line or status line."""

    @property
    def repeated(self) -> bool:
        """Whether it is a retransmission."""


@dataclass(slots=True)
class _Story:
    entries: list[Entry] = field(default_factory=list)
    legs: dict[str, str] = field(default_factory=dict)


class Stories:
    """Keeps the stories of the last thousand calls in memory, each bounded too."""

    def __init__(self) -> None:
        self._stories: OrderedDict[str, _Story] = OrderedDict()
        self._by_leg: dict[str, tuple[str, str]] = {}

    def bind(self, call_id: str, sip_call_id: str, side: str) -> None:
        """From now on the SIP messages of this dialog belong to the call; makes the story if need be."""
        story = self._stories.get(call_id)
        if story is None:
            story = self._stories[call_id] = _Story()
            if len(self._stories) > _STORIES_AT_MOST:
                _, oldest = self._stories.popitem(last=False)
                for leg in oldest.legs:
                    self._by_leg.pop(leg, None)
        story.legs[sip_call_id] = side
        self._by_leg[sip_call_id] = (call_id, side)

    def note(self, call_id: str, when: float, kind: str, text: str) -> None:
        """Add a line to a call's story."""
        story = self._stories.get(call_id)
        if story is not None and len(story.entries) < _ENTRIES_AT_MOST:
            story.entries.append(Entry(when, kind, text))

    def sip(self, records: Iterable[SipRecord]) -> None:
        """Add SIP messages, each to the call that its dialog belongs to; others are passed over."""
        for record in records:
            bound = self._by_leg.get(record.sip_call_id)
            if bound is None:
                continue
            call_id, side = bound
            arrow = "→ us" if record.received else "us →"
            again = " (again)" if record.repeated else ""
            where = f"{record.transport} {record.peer}{again}"
            text = f"{side:<6} {arrow} {record.start_line} [{record.sequence}] {where}"
            self.note(call_id, record.when, "sip", text)

    def story(self, call_id: str) -> tuple[Entry, ...] | None:
        """A call's lines in time order, or None when it is not known any more."""
        story = self._stories.get(call_id)
        return tuple(sorted(story.entries, key=lambda entry: entry.when)) if story else None
