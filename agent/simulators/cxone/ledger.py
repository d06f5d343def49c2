# SPDX-License-Identifier: GPL-3.0-or-later
"""What the simulated CXone remembers of signal requests and transcripts, in bounded memory."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from itertools import islice

WHOLE = 2**62


@dataclass(slots=True)
class Entry:
    """One request to the signal endpoint.

    ``received`` is in seconds since the epoch. ``sources`` says where the parameters came from (body, query,
    mixed or none), ``conflicts`` which ones came from both, ``ignored`` which names are not parameters.
    ``status`` is None when the sender never got an answer. ``effect``: none (not accepted), pending,
    onsignal, interrupted, double or dropped. ``token`` is the number of the token that was used.
    """

    number: int
    contact_id: str
    received: float
    api_version: str = ""
    parameters: dict[str, str] = field(default_factory=dict)
    sources: str = "none"
    conflicts: list[str] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    status: int | None = None
    accepted: bool = False
    effect: str = "none"
    description: str = ""
    fault: str = ""
    correlation_id: str = ""
    token: int | None = None


@dataclass(slots=True)
class TranscriptEntry:
    """One request to the transcript endpoint; fields as in `Entry`, ``body`` as it was sent."""

    number: int
    contact_id: str
    received: float
    body: object = None
    status: int | None = None
    accepted: bool = False
    fault: str = ""
    correlation_id: str = ""
    token: int | None = None


class Transcripts:
    """The newest requests to the transcript endpoint, oldest first."""

    def __init__(self) -> None:
        self._entries: deque[TranscriptEntry] = deque()
        self._total = 0

    def open(self, contact_id: str, received: float, keep: int) -> TranscriptEntry:
        """Begin the entry of a request; the oldest ones beyond ``keep`` are forgotten."""
        self._total += 1
        entry = TranscriptEntry(self._total, contact_id, received)
        self._entries.append(entry)
        while len(self._entries) > keep:
            self._entries.popleft()
        return entry

    def entries(self, contact_id: str | None, after: int = 0, limit: int = WHOLE) -> list[dict[str, object]]:
        """Entries numbered above ``after``, of one master contact or of all, as plain data."""
        found = (e for e in self._entries if e.number > after and contact_id in (None, e.contact_id))
        return [asdict(entry) for entry in islice(found, limit)]

    def counts(self) -> dict[str, object]:
        """How many requests there were, and what became of those that are still remembered."""
        accepted = Counter(entry.contact_id for entry in self._entries if entry.accepted)
        return {
            "transcripts": self._total,
            "transcripts_accepted": sum(accepted.values()),
            "contacts_transcribed_more_than_once": sum(1 for times in accepted.values() if times > 1),
        }


class Ledger:
    """The newest entries, oldest first, with an index by contact."""

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque()
        self._by_contact: dict[str, deque[Entry]] = {}
        self._total = 0
        self._statuses: Counter[str] = Counter()

    def open(self, contact_id: str, received: float, keep: int) -> Entry:
        """Begin the entry of a request; the oldest ones beyond ``keep`` are forgotten."""
        self._total += 1
        entry = Entry(self._total, contact_id, received)
        self._entries.append(entry)
        self._by_contact.setdefault(contact_id, deque()).append(entry)
        while len(self._entries) > keep:
            self._forget(self._entries.popleft())
        return entry

    def answered(self, entry: Entry, status: int | None, description: str = "") -> None:
        """Note what the sender was told: a status, or None for nothing."""
        entry.status, entry.description = status, description
        self._statuses[str(status) if status is not None else "no answer"] += 1

    def entries(self, contact_id: str | None, after: int = 0, limit: int = WHOLE) -> list[dict[str, object]]:
        """Entries numbered above ``after``, of one contact or of all, as plain data."""
        found = self._entries if contact_id is None else self._by_contact.get(contact_id, ())
        return [asdict(entry) for entry in islice((e for e in found if e.number > after), limit)]

    def counts(self) -> dict[str, object]:
        """Totals since the last reset, and what became of the signals that are still remembered."""
        accepted = Counter(entry.contact_id for entry in self._accepted())
        return {
            "signals": self._total,
            "kept": len(self._entries),
            "by_status": dict(self._statuses),
            "accepted": sum(accepted.values()),
            "contacts": len(accepted),
            "contacts_signalled_more_than_once": sum(1 for times in accepted.values() if times > 1),
            "effects": dict(Counter(entry.effect for entry in self._accepted())),
        }

    def _accepted(self) -> Iterator[Entry]:
        return (entry for entry in self._entries if entry.accepted)

    def _forget(self, entry: Entry) -> None:
        of_contact = self._by_contact[entry.contact_id]
        of_contact.popleft()
        if not of_contact:
            del self._by_contact[entry.contact_id]
