# SPDX-License-Identifier: GPL-3.0-or-later
"""A configuration folder for a test: free ports, carriers on this machine, projects of each kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.calls.harness.ports import free_port, free_range

TOKEN = "let-me-in"
API_KEY = "acme-api-key"
SECRETS = {
    "ACME_TOKEN": TOKEN,
    "SANDBOX_TOKEN": "sandbox-token",
    "ACME_API_KEY": API_KEY,
    "CLIENT_SECRET": "demo-client-secret",
    "ACCESS_KEY_SECRET": "demo-access-key-secret====",
    "DIGEST_PASSWORD": "carrier-password",
    "FLEET_TOKEN": "fleet-token-4f1c9a7d",
    "OTHER_TOKEN": "other-token-9d7a1c4f",
    "VIEWER_TOKEN": "viewer-token-7c1f0e2d",
    "OPERATOR_TOKEN": "operator-token-2d0e1f7c",
}
CARE, FAILOVER, BRIDGE, REFER, SMALL, SHARED, LOST = (f"99955501{tens}0" for tens in range(7))
SANDBOX = "sandbox"
RTP_PORTS = 240

# Addresses of this machine that play different parts. The voice agent's is in no carrier, as in real life:
# only what belongs to a dialog may come from there.
VOICE_AGENT, LENIENT, STRICT, DIGEST, STRANGER = (f"127.0.0.{last}" for last in (7, 11, 12, 13, 99))
_DIGEST = {"realm": "edge", "username": "carrier", "password": "${env:DIGEST_PASSWORD}"}


@dataclass
class Plan:
    """What one agent of a test is told. Change ``agent``, ``carriers`` and ``projects`` before it is written.

    Attributes:
        first, second: ports of the voice agent's targets.
        queue, overflow: ports of the queues that take handed-off calls, first and second target.
        lost: port of a target that never says a word, and of no other: an INVITE that was given up without
            any response is repeated for 32 s, and a later test's voice agent would take it for its call.
    """

    cxone: int
    sip: int = field(default_factory=free_port)
    api: int = field(default_factory=free_port)
    operations: int = field(default_factory=free_port)
    first: int = field(default_factory=free_port)
    second: int = field(default_factory=free_port)
    queue: int = field(default_factory=free_port)
    overflow: int = field(default_factory=free_port)
    lost: int = field(default_factory=free_port)

    def __post_init__(self) -> None:
        """Fill the documents in."""
        self.agent: dict[str, Any] = self._agent()
        self.carriers: dict[str, Any] = {
            "unknown_source": "drop",
            "carriers": {
                "test": carrier("127.0.0.1/32"),
                "lenient": {**carrier(LENIENT), "missing_contact_id": "bridge"},
                "strict": {**carrier(STRICT), "duplicate_contact": "refuse"},
                "digest": {**carrier(DIGEST), "digest": dict(_DIGEST)},
            },
        }
        self.projects: dict[str, dict[str, Any]] = self._projects()
        self.numbers: dict[str, Any] = {
            CARE: "acme-care",
            FAILOVER: "acme-failover",
            BRIDGE: "acme-bridge",
            REFER: "acme-refer",
            SMALL: "acme-small",
            SHARED: ["acme-care", "acme-sandbox"],
            LOST: "acme-lost",
        }

    def write(self, folder: Path) -> None:
        """Write every file of the configuration folder."""
        documents: Mapping[str, Any] = {
            "agent.yaml": self.agent,
            "carriers.yaml": self.carriers,
            "numbers/acme.yaml": {"numbers": self.numbers},
            **{f"projects/{name}.yaml": document for name, document in self.projects.items()},
        }
        for name, document in documents.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(yaml.safe_dump(document, sort_keys=False))

    def add(self, name: str, number: str, **handoff: Any) -> dict[str, Any]:  # noqa: ANN401 - YAML
        """Add a project like acme-care but for these settings of ``handoff``, under a number of its own.

        Returns:
            The project's document, for further changes.
        """
        care = self.projects["acme-care"]
        self.projects[name] = {**care, "project": name, "handoff": {**care["handoff"], **handoff}}
        self.numbers[number] = name
        return self.projects[name]

    def add_left(self, name: str, number: str, **handoff: Any) -> None:  # noqa: ANN401 - YAML
        """The same with the voice agent at the port `second`, where no other test's is.

        For one that sends REFER and hangs up at once: the last NOTIFY finds nobody, and is repeated for 32 s.
        The next test's voice agent on that port would take it for its call.
        """
        project = self.add(name, number, **handoff)
        target = {"uri": f"sip:bot@{VOICE_AGENT}:{self.second}", "priority": 1}
        project["voice_agent"] = {**project["voice_agent"], "targets": [target]}

    def back(self, *ports: int) -> list[dict[str, Any]]:
        """Targets for `handoff.targets` at these ports, in this order."""
        return [{"uri": f"sip:queue@{VOICE_AGENT}:{port}", "priority": n} for n, port in enumerate(ports, 1)]

    def _agent(self) -> dict[str, Any]:
        low, high = free_range(RTP_PORTS)
        return {
            "node": "edge-test",
            "sip": {"listen": [f"udp://127.0.0.1:{self.sip}", f"tcp://127.0.0.1:{self.sip}"]},
            "media": {"rtp_ports": f"{low}-{high}", "codecs": ["PCMU", "PCMA"], "silence_timeout": "60s"},
            "limits": {"calls": RTP_PORTS // 4, "calls_per_second": 200, "ring": "8s", "duration": "10m"},
            "http": {"api": f"127.0.0.1:{self.api}", "operations": f"127.0.0.1:{self.operations}"},
            "log": {"level": "debug", "format": "json", "numbers": "masked"},
        }

    def _projects(self) -> dict[str, dict[str, Any]]:
        queue = f"sip:queue@{VOICE_AGENT}:{self.queue}"
        plain = {"deadline": "3s", "wait_for_bye": "1s"}
        return {
            "acme-care": self._project("acme-care", [self.first], plain),
            "acme-failover": self._project("acme-failover", [self.first, self.second], plain),
            "acme-lost": soon(self._project("acme-lost", [self.lost, self.second], plain)),
            "acme-bridge": self._project(
                "acme-bridge", [self.first], {**plain, "method": "bridge", "target": queue}
            ),
            "acme-refer": self._project(
                "acme-refer", [self.first], {**plain, "method": "refer", "target": queue}
            ),
            "acme-small": {**self._project("acme-small", [self.first], plain), "limits": {"calls": 1}},
            "acme-sandbox": {
                **self._project("acme-sandbox", [self.second], plain),
                "environment": SANDBOX,
                "token": "${env:SANDBOX_TOKEN}",
            },
        }

    def _project(self, name: str, targets: list[int], handoff: dict[str, Any]) -> dict[str, Any]:
        uris = [f"sip:bot@{VOICE_AGENT}:{port}" for port in targets]
        return {
            "project": name,
            "account": "acme",
            "environment": "live",
            "token": "${env:ACME_TOKEN}",
            "api_key": "${env:ACME_API_KEY}",
            "voice_agent": {
                "response_timeout": "6s",  # a test that plays the voice agent may be held up
                "targets": [{"uri": uri, "priority": rank} for rank, uri in enumerate(uris, 1)],
                "headers": {
                    "X-Contact-Id": "{contact_id}",
                    "X-Call-Id": "{call_id}",
                    "X-Project": "{project}",
                },
                "pass_headers": ["X-OrigDnis", "User-to-User"],
            },
            "cxone": self._tenant(),
            "signals": {
                "arrival": {"p1": "Connected"},
                "handoff": {"p1": "{destination}", "p2": "{skill}", "p3": "{reason}", "p9": "{shared_id}"},
                "completed": {"p1": "End"},
                "failed": {"p1": "Escalate", "p3": "{reason}"},
            },
            "handoff": handoff,
        }

    def _tenant(self) -> dict[str, Any]:
        return {
            "issuer": f"http://127.0.0.1:{self.cxone}",
            "business_unit": "4591234",
            "client_id": "handoff-agent",
            "client_secret": "${env:CLIENT_SECRET}",
            "access_key_id": "DEMOACCESSKEYID====",
            "access_key_secret": "${env:ACCESS_KEY_SECRET}",
        }


def carrier(*sources: str) -> dict[str, Any]:
    """A carrier of these networks that sends contact id and token as NICE does."""
    return {"sources": list(sources), "token_header": "X-PolyAi-Auth-Token"}


def soon(project: dict[str, Any]) -> dict[str, Any]:
    """The same project, which tries the next target of whatever says nothing after two seconds."""
    project["voice_agent"] = {**project["voice_agent"], "response_timeout": "2s"}
    return project


def patient(project: dict[str, Any]) -> dict[str, Any]:
    """The same project, which gives NICE a minute: a test may look at what happens meanwhile."""
    project["handoff"] = {**project["handoff"], "deadline": "60s"}
    project["cxone"] = {**project["cxone"], "timeout": "60s"}
    return project


Change = Callable[[Plan], None]
"""What a test module changes of a plan before the agent starts."""
