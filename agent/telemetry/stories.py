# SPDX-License-Identifier: GPL-3.0-or-later
"""The story of each recent call on one time line: SIP messages, decisions, signal attempts, audio."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

_STORIES_AT_MOST = 1000
_ENTRIES_AT_MOST = 400


class TraceRecord(NamedTuple):
    """One SIP message as ``deploy/pjsua2/trace.c`` writes it: a line of these fields, tabs between.

    Attributes:
        microseconds: when, since the epoch.
        direction: ``<`` for received, ``>`` for sent.
        transport: ``udp``, ``tcp`` or ``tls``.
        peer: address and port of the other end.
        call_id: the Call-ID header.
        cseq: the CSeq header.
        start_line: the request or status line.
        repeated: ``R`` for a retransmission, else empty.
        position: where its bytes are kept (`agent.sip.trace.whole`): a number that only grows; empty where
            they are not.
    """

    microseconds: str
    direction: str
    transport: str
    peer: str
    call_id: str
    cseq: str
    start_line: str
    repeated: str
    position: str


_CALL_ID = TraceRecord._fields.index("call_id")


@dataclass(frozen=True, slots=True)
class Message:
    """A SIP message of a story.

    Attributes:
        side: the leg that it belongs to: caller, agent …
        record: what the trace says of it.
    """

    side: str
    record: TraceRecord

    @property
    def position(self) -> int | None:
        """Where its bytes are, as long as they are kept (`agent.sip.trace.whole`)."""
        return int(self.record.position) if self.record.position else None

    def shown(self) -> dict[str, Any]:
        """For HTTP. Nothing in it tells a number: the text of the entry does, which is masked."""
        return {
            "side": self.side,
            "direction": "received" if self.record.direction == "<" else "sent",
            "repeated": bool(self.record.repeated),
            "transport": self.record.transport,
            "peer": self.record.peer,
            "cseq": self.record.cseq,
            "position": self.position,
        }


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a story.

    `when` is in seconds since the epoch; `kind` is sip, decision, audio, or an outbox channel. A SIP entry
    has its `message`.
    """

    when: float
    kind: str
    text: str
    message: Message | None = None

    def shown(self) -> dict[str, Any]:
        """For HTTP: `when`, `kind`, `text`, and for SIP what `Message.shown` says."""
        told = {"when": self.when, "kind": self.kind, "text": self.text}
        return told if self.message is None else {**told, **self.message.shown()}


@dataclass(frozen=True, slots=True)
class OfCall:
    """Whose a SIP message is: the call, the leg, and what is known of the call."""

    call_id: str
    side: str
    sip_call_id: str
    project: str = ""
    number: str = ""
    contact_id: str = ""


@dataclass(slots=True)
class _Story:
    entries: list[Entry] = field(default_factory=list)
    messages: list[tuple[str, str]] = field(default_factory=list)
    legs: dict[str, str] = field(default_factory=dict)
    facts: tuple[str, str, str] = ("", "", "")


def _nothing_more() -> None:
    """Nobody sees messages that were not told of at once."""


class Stories:
    """Keeps the stories of live calls and of the last thousand others in memory, each bounded too.

    Attributes:
        catch_up: brings what was seen of SIP and not told of yet (`sip`), so that who asks learns of it.
    """

    catch_up: Callable[[], None]

    def __init__(self) -> None:
        self.catch_up = _nothing_more
        self._stories: dict[str, _Story] = {}
        self._over: deque[str] = deque()
        self._by_leg: dict[str, tuple[str, str]] = {}

    def bind(self, call_id: str, sip_call_id: str, side: str) -> None:
        """From now on the SIP messages of this dialog belong to the call; makes the story if need be."""
        story = self._stories.get(call_id)
        if story is None:
            story = self._stories[call_id] = _Story()
        story.legs[sip_call_id] = side
        self._by_leg[sip_call_id] = (call_id, side)

    def about(self, call_id: str, project: str, number: str, contact_id: str = "") -> None:
        """What is known of a call, for those who look for it; see `OfCall`."""
        story = self._stories.get(call_id)
        if story is not None:
            story.facts = (project, number, contact_id)

    def note(self, call_id: str, when: float, kind: str, text: str) -> None:
        """Add a line to a call's story."""
        story = self._stories.get(call_id)
        if story is not None and len(story.entries) < _ENTRIES_AT_MOST:
            story.entries.append(Entry(when, kind, text))

    def over(self, call_id: str) -> None:
        """The call has ended: its story is kept until a thousand more have."""
        self._over.append(call_id)
        if len(self._over) > _STORIES_AT_MOST:
            forgotten = self._over.popleft()
            for leg in self._stories.pop(forgotten, _Story()).legs:
                # A caller may have tried again with the same Call-ID.
                if self._by_leg.get(leg, ("", ""))[0] == forgotten:
                    del self._by_leg[leg]

    def sip(self, records: Iterable[str]) -> None:
        """Add SIP messages, each to the call that its dialog belongs to; others are ignored.

        Args:
            records: lines of the trace, see `TraceRecord`.
        """
        for record in records:
            bound = self._by_leg.get(record.split("\t", _CALL_ID + 1)[_CALL_ID])
            if bound is not None:
                messages = self._stories[bound[0]].messages
                if len(messages) < _ENTRIES_AT_MOST:
                    messages.append((bound[1], record))  # most stories are never read: put into words then

    def whose(self, sip_call_id: str) -> OfCall | None:
        """The call that a dialog belongs to; None for one of no call."""
        bound = self._by_leg.get(sip_call_id)
        if bound is None:
            return None
        return OfCall(bound[0], bound[1], sip_call_id, *self._stories[bound[0]].facts)

    def lines(self, wants: Callable[[OfCall], bool]) -> list[str]:
        """SIP messages, as `TraceRecord` has them, of those calls of which a dialog is wanted."""
        found: list[str] = []
        for call_id, story in self._stories.items():
            legs = (OfCall(call_id, side, leg, *story.facts) for leg, side in story.legs.items())
            if any(map(wants, legs)):
                found += (line for _, line in story.messages)
        return found

    def story(self, call_id: str) -> tuple[Entry, ...] | None:
        """A call's lines in time order, or None when it is not known any more."""
        self.catch_up()
        story = self._stories.get(call_id)
        if story is None:
            return None
        entries = [*story.entries, *(_in_words(side, record) for side, record in story.messages)]
        return tuple(sorted(entries, key=lambda entry: entry.when))


def _in_words(side: str, line: str) -> Entry:
    record = TraceRecord._make(line.split("\t"))
    arrow = "→ us" if record.direction == "<" else "us →"
    again = " (again)" if record.repeated else ""
    text = f"{side:<6} {arrow} {record.start_line} [{record.cseq}] {record.transport} {record.peer}{again}"
    return Entry(int(record.microseconds) / 1_000_000, "sip", text, Message(side, record))
