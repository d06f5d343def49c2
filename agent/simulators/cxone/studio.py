# SPDX-License-Identifier: GPL-3.0-or-later
"""The Studio side: contacts, their scripts, and what a signal does to a script after the 202."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import asdict, dataclass, field
from typing import Final, Literal

from agent.simulators.cxone.knobs import DEMO_TENANT, Knobs
from agent.simulators.cxone.ledger import Entry

ContactState = Literal["active", "ended"]
Script = Literal["waiting", "busy", "no_onsignal", "gone"]
_ONSIGNALS_KEPT: Final = 100


@dataclass(slots=True)
class Onsignal:
    """One run of the script's Onsignal action; ``source`` is 0 for a signal from the API (NICE help)."""

    at: float
    signal: int
    parameters: dict[str, str]
    source: int = 0
    interrupted: bool = False


@dataclass(slots=True)
class Contact:
    """One contact. A script is busy from an Onsignal on."""

    contact_id: str
    tenant: str = DEMO_TENANT
    state: ContactState = "active"
    script: Script = "waiting"
    signals: int = 0
    onsignals: deque[Onsignal] = field(default_factory=lambda: deque(maxlen=_ONSIGNALS_KEPT))
    last_effect: float | None = None

    def listing(self) -> dict[str, object]:
        """The contact as plain data."""
        return {
            "contact_id": self.contact_id,
            "tenant": self.tenant,
            "state": self.state,
            "script": self.script,
            "signals": self.signals,
            "onsignals": [asdict(run) for run in self.onsignals],
        }


class Studio:
    """All contacts and the delayed effects of accepted signals; lives on the event loop."""

    def __init__(self, knobs: Knobs) -> None:
        self.knobs = knobs
        self._contacts: dict[str, Contact] = {}
        self._placed: dict[str, Contact] = {}
        self._era = 0

    def find(self, contact_id: str, tenant: str) -> Contact | None:
        """The contact; created when unknown ids count as active contacts of the asking tenant."""
        known = self._placed.get(contact_id) or self._contacts.get(contact_id)
        if known is not None or self.knobs.unknown_contacts == "refuse":
            return known
        while len(self._contacts) >= self.knobs.contacts_kept:
            del self._contacts[next(iter(self._contacts))]
        return self._contacts.setdefault(contact_id, Contact(contact_id, tenant))

    def look(self, contact_id: str) -> Contact | None:
        """The contact when it was placed or signalled before."""
        return self._placed.get(contact_id) or self._contacts.get(contact_id)

    def place(self, contact_id: str) -> Contact:
        """A contact that a test or operator names; it is kept until the next reset."""
        contact = self.look(contact_id) or Contact(contact_id)
        self._contacts.pop(contact_id, None)
        return self._placed.setdefault(contact_id, contact)

    def clear(self) -> None:
        """Forget all contacts, and cancel the effects that are still due."""
        self._contacts.clear()
        self._placed.clear()
        self._era += 1

    def accept(self, contact: Contact, entry: Entry) -> None:
        """Accept a signal: it takes effect on the script after the delay, as after NICE's 202."""
        entry.accepted, entry.effect = True, "pending"
        contact.signals += 1
        asyncio.get_running_loop().call_later(
            self.knobs.effect_delay, self._affect, self._era, contact, entry
        )

    def _affect(self, era: int, contact: Contact, entry: Entry) -> None:
        if era == self._era:
            entry.effect = self._effect(contact, entry)

    def _effect(self, contact: Contact, entry: Entry) -> str:
        if contact.state == "ended" or contact.script in ("no_onsignal", "gone"):
            return "dropped"
        last, contact.last_effect = contact.last_effect, entry.received
        if last is not None and abs(entry.received - last) < self.knobs.double_window:
            return "double"
        interrupted = contact.script == "busy"
        contact.script = "busy"
        contact.onsignals.append(
            Onsignal(entry.received, entry.number, entry.parameters, interrupted=interrupted)
        )
        if self.knobs.busy_seconds is not None:
            asyncio.get_running_loop().call_later(
                self.knobs.busy_seconds, self._wait_again, contact, entry.number
            )
        return "interrupted" if interrupted else "onsignal"

    def _wait_again(self, contact: Contact, number: int) -> None:
        if contact.script == "busy" and contact.onsignals[-1].signal == number:
            contact.script = "waiting"
