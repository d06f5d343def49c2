# SPDX-License-Identifier: GPL-3.0-or-later
"""A small configuration and the INVITEs that meet it, made without files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from agent.core.admission import Admitted, Invite, Load, Refused, admit
from agent.core.digest import Nonces
from agent.core.frozen import FrozenDict
from agent.core.headers import parse
from agent.core.model import Agent, Carrier, Carriers, Project, Snapshot
from agent.core.node import NodeFacts, status
from agent.core.number_map import NumberMap
from agent.core.numbers import NumberRule
from agent.core.records import CallRecord

NUMBER = "9995550100"
CONTACT = "4711001122"
NOW = 1_800_000_000.0
NONCES = Nonces()
READY = NodeFacts(started=True, calls=3, limit=10)
TENANT = {
    "business_unit": "4591234",
    "client_id": "handoff-agent",
    "client_secret": "made up",
    "access_key_id": "KEY",
    "access_key_secret": "made up",
    "parameter_limit": 20,
}
SDP = (
    "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0 101\r\n"
)


def project(name: str = "care", **changes: Any) -> Project:  # noqa: ANN401 - what YAML holds
    """A project of account acme."""
    targets = {"targets": [{"uri": "sip:bot@10.0.0.5:5070"}]}
    return Project.model_validate({"project": name, "account": "acme", "voice_agent": targets, **changes})


def carrier(**changes: Any) -> Carrier:  # noqa: ANN401 - what YAML holds
    """Carrier one, which sends from 192.0.2.0/24."""
    return carriers({"one": {"sources": ["192.0.2.0/24"], **changes}})["one"]


def carriers(written: Mapping[str, Any]) -> Mapping[str, Carrier]:
    """Carriers as carriers.yaml has them."""
    return Carriers.model_validate({"carriers": written}).carriers


def snapshot(
    *projects: Project,
    carriers: Mapping[str, Carrier] | None = None,
    rules: Sequence[NumberRule] = (),
    codecs: Sequence[str] = ("PCMU", "PCMA"),
) -> Snapshot:
    """A configuration in force: without more words, number 9995550100 goes to all of the projects."""
    known = projects or (project(),)
    names = tuple(one.project for one in known)
    return Snapshot(
        agent=Agent.model_validate({"node": "edge-1", "media": {"codecs": list(codecs)}}),
        carriers=carriers or FrozenDict({"one": carrier()}),
        unknown_source="drop",
        projects=FrozenDict({one.project: one for one in known}),
        numbers=NumberMap(rules or [NumberRule(NUMBER, names, file="numbers/acme.yaml", line=2)]),
        fingerprint="",
    )


def invite(
    *headers: str, source: str = "192.0.2.7", uri: str = f"sip:{NUMBER}@edge.example", body: str = SDP
) -> Invite:
    """An INVITE with these header lines; without any it carries the contact id."""
    lines = [f"INVITE {uri} SIP/2.0", *(headers or (f"X-ContactID: {CONTACT}",))]
    return Invite(source, parse("\r\n".join(lines) + "\r\n\r\n" + body))


def judged(
    invite: Invite,
    snapshot: Snapshot,
    facts: NodeFacts = READY,
    *,
    calls: int = 0,
    contact_is_up: bool = False,
) -> Admitted | Refused:
    """What becomes of the INVITE on a node with these facts."""
    load = Load(status(facts), lambda _: calls, lambda *_: contact_is_up, NOW, NONCES)
    return admit(invite, snapshot, load)


def admitted(invite: Invite, snapshot: Snapshot) -> Admitted:
    """The INVITE, which must be admitted."""
    verdict = judged(invite, snapshot)
    assert isinstance(verdict, Admitted), verdict
    return verdict


def refused(
    invite: Invite,
    snapshot: Snapshot,
    facts: NodeFacts = READY,
    *,
    calls: int = 0,
    contact_is_up: bool = False,
) -> Refused:
    """The INVITE, which must be refused."""
    verdict = judged(invite, snapshot, facts, calls=calls, contact_is_up=contact_is_up)
    assert isinstance(verdict, Refused), verdict
    return verdict


def record(**changes: Any) -> CallRecord:  # noqa: ANN401 - fields of the record
    """A call as it is stored."""
    fields = {
        "call_id": "c-1",
        "node": "edge-1",
        "carrier": "one",
        "account": "acme",
        "project": "care",
        "number": NUMBER,
        "contact_id": CONTACT,
        "master_id": "",
        "sip_call_id": "abc@peer",
        "state": "bridged",
        "began": NOW,
    }
    return CallRecord(**{**fields, **changes})
