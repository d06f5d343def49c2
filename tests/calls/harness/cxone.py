# SPDX-License-Identifier: GPL-3.0-or-later
"""The product's fake CXone as a process of its own, and its ledger."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.calls.harness.plan import SECRETS
from tests.calls.harness.ports import free_port
from tests.calls.harness.processes import Process
from tests.calls.harness.web import answers, ask


class Cxone:
    """``handoff-agent simulate cxone``."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.process = Process(
            ["simulate", "cxone", "--listen", f"127.0.0.1:{self.port}"], folder / "cxone.log"
        )

    def start(self) -> None:
        """Start it and wait until it answers."""
        self.process.start(lambda: answers(self.port, "/simulator/counts"))

    def stop(self) -> None:
        """End it; a simulator that crashed fails the test."""
        self.process.stop()

    def signals(self, contact_id: str) -> list[dict[str, Any]]:
        """The signal requests for a contact, oldest first."""
        found: list[dict[str, Any]] = ask(
            self.port, "GET", f"/simulator/signals?contact_id={contact_id}"
        ).json
        return found

    def transcripts(self, master_id: str) -> list[dict[str, Any]]:
        """The transcript requests for a master contact, oldest first."""
        found: list[dict[str, Any]] = ask(
            self.port, "GET", f"/simulator/transcripts?contact_id={master_id}"
        ).json
        return found

    def accepted(self, contact_id: str) -> list[dict[str, str]]:
        """The parameters of the signals that took effect, oldest first, without empty ones."""
        return [
            {key: value for key, value in entry["parameters"].items() if value}
            for entry in self.signals(contact_id)
            if entry["accepted"]
        ]

    def fault(self, **targets: object) -> None:
        """Put faults in force, by target (``signal={"status": 503}``)."""
        reply = ask(self.port, "PUT", "/simulator/faults", targets)
        assert reply.status == 200, reply.text

    def heal(self) -> None:
        """Take every fault away."""
        ask(self.port, "DELETE", "/simulator/faults")

    def tenant(self, number: int) -> dict[str, str]:
        """Take on another customer and return its credentials, as the simulator and a project name them."""
        tenant_id = f"11eb5a2c-7e10-4c1e-9d7b-{number:012d}"
        known = {
            "business_unit": f"46{number:05d}",
            "client_id": f"client-{number}",
            "client_secret": SECRETS["CLIENT_SECRET"],
            "access_key_id": f"KEY{number:05d}====",
            "access_key_secret": SECRETS["ACCESS_KEY_SECRET"],
        }
        reply = ask(self.port, "PUT", f"/simulator/tenants/{tenant_id}", known)
        assert reply.status == 200, reply.text
        return {"tenant_id": tenant_id, **known}

    def place(self, contact_id: str, tenant_id: str) -> None:
        """Make a contact one of a certain tenant; the demo's otherwise."""
        reply = ask(self.port, "PUT", f"/simulator/contacts/{contact_id}", {"tenant": tenant_id})
        assert reply.status == 200, reply.text

    def turn(self, **knobs: object) -> None:
        """Turn knobs."""
        reply = ask(self.port, "PUT", "/simulator/knobs", knobs)
        assert reply.status == 200, reply.text

    def revoke_tokens(self) -> None:
        """Make every token that was handed out invalid."""
        ask(self.port, "DELETE", "/simulator/tokens")
