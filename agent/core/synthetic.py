# SPDX-License-Identifier: GPL-3.0-or-later
"""A test call to a project's voice agent: what it is to do, what came of it, and what is wrong with that."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final, Self

from agent.core.model import Project, Snapshot
from agent.core.parameters import render_headers

MARK: Final = ("X-Handoff-Test", "1")
"""A header of each test call's INVITE: whoever runs the voice agent can tell it from a customer's."""
LEAST_MOS: Final = 3.5
"""Below it many listeners are dissatisfied (ITU-T G.107 Annex B)."""
PASSED: Final = "passed"
FAILED: Final = "failed"
UNCLEAR: Final = "unclear"
_MOST_LOSS: Final = 0.02
_NO_CONTACT: Final = "0"


@dataclass(frozen=True, slots=True)
class Callee:
    """Whom to dial: a SIP URI, and whose RTP is taken (`agent.core.model.Latch`)."""

    uri: str
    latch: str = "strict"


@dataclass(frozen=True, slots=True)
class Order:
    """All that a test call needs, as plain values: it is made in a process of its own.

    Attributes:
        project: for the report.
        callees: in the order in which they are dialled.
        headers: of the INVITE.
        node: settings of SIP and media, as agent.yaml has them; ``listen`` names an address and transports.
        response_timeout, ring: seconds, as for customers' calls.
        patience: seconds to wait for the greeting, and for an answer to our speech.
        digits: pressed at the end.
        speech: path of what is spoken; empty for our own.
    """

    project: str
    callees: tuple[Callee, ...]
    headers: tuple[tuple[str, str], ...]
    node: Mapping[str, Any]
    response_timeout: float
    ring: float
    patience: float = 10.0
    digits: str = "1"
    speech: str = ""

    def to_json(self) -> str:
        """As JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """What `to_json` wrote."""
        read = json.loads(text)
        callees = tuple(Callee(**callee) for callee in read.pop("callees"))
        headers = tuple((name, value) for name, value in read.pop("headers"))
        return cls(callees=callees, headers=headers, **read)


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a test call; times in seconds.

    Attributes:
        project: whose voice agent it was.
        tried: each address that was dialled, and what it said.
        answered_by: the target that answered; empty where none did.
        answered_after: from the INVITE that was answered to its 200.
        first_audio: from the answer to the first sound; None where nothing was heard.
        response_gap: from the end of our speech to the next sound; None where there was none, or no pause.
        talked_on: it spoke whenever we did, so that it can't be told whether it heard us.
        echo: it sent back what we said.
        received, sent, lost, lost_by_peer: RTP packets.
        discarded: those that came, and were of no use: too late, as a rule.
        jitter, round_trip: mean.
        mos: estimate for what came (`agent.core.quality`).
        dtmf: how the digits went; empty where none were pressed.
        more: what else is worth a line, such as the signals of a call through our own edge.
        wrong: what is wrong, a line each.
        unclear: what can't be told, a line each.
    """

    project: str
    tried: tuple[tuple[str, str], ...] = ()
    answered_by: str = ""
    answered_after: float | None = None
    first_audio: float | None = None
    response_gap: float | None = None
    talked_on: bool = False
    echo: bool = False
    received: int = 0
    sent: int = 0
    lost: int = 0
    lost_by_peer: int = 0
    discarded: int = 0
    jitter: float = 0.0
    round_trip: float | None = None
    mos: float | None = None
    dtmf: str = ""
    more: tuple[str, ...] = ()
    wrong: tuple[str, ...] = field(default=())
    unclear: tuple[str, ...] = field(default=())

    @property
    def passed(self) -> bool:
        """Whether nothing is wrong, and that is sure."""
        return self.verdict == PASSED

    @property
    def verdict(self) -> str:
        """``passed``, ``failed``, or ``unclear``: nothing is known to be wrong, but not that it hears."""
        if self.wrong:
            return FAILED
        return UNCLEAR if self.unclear else PASSED

    def to_json(self) -> str:
        """As JSON, with ``passed`` and ``verdict``."""
        return json.dumps({"passed": self.passed, "verdict": self.verdict, **asdict(self)})

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """What `to_json` wrote."""
        read = json.loads(text)
        del read["passed"], read["verdict"]
        tried = tuple((uri, said) for uri, said in read.pop("tried"))
        read |= {name: tuple(read[name]) for name in ("more", "wrong", "unclear")}
        return cls(tried=tried, **read)


@dataclass(frozen=True, slots=True)
class Row:
    """The newest test calls of a project, none of which passed.

    Attributes:
        failed: how many of them failed.
        unclear: of how many it can't be told.
    """

    failed: int = 0
    unclear: int = 0

    def after(self, verdict: str) -> Row:
        """With one more."""
        if verdict == PASSED:
            return Row()
        return replace(
            self, failed=self.failed + (verdict == FAILED), unclear=self.unclear + (verdict == UNCLEAR)
        )


def faults(result: Result) -> Iterable[str]:
    """What is wrong with a call, the gravest first."""
    if not result.answered_by:
        yield "no voice agent answered"
        return
    if not result.received:
        yield "no audio came at all: RTP does not get through from it to here"
    elif result.first_audio is None:
        reported = result.round_trip is not None  # by its RTCP
        yield "only silence came: the voice agent says nothing" + (
            ", though it reports that our audio arrives" if reported else ""
        )
    elif result.echo:
        yield "it sends our own speech back: a caller hears an echo, and nobody who hears him"
    elif result.response_gap is None and not result.talked_on:
        yield "it said nothing after we had spoken: it does not hear us, or does not react"
    if not result.sent:
        yield "no audio left"
    whole = result.received + result.lost
    if result.received and result.lost > _MOST_LOSS * whole:
        yield f"{result.lost / whole:.1%} of its audio was lost on the way"
    if result.sent and result.lost_by_peer > _MOST_LOSS * result.sent:
        share = min(1.0, result.lost_by_peer / result.sent)
        yield f"{share:.1%} of our audio was lost on the way to it, by its reports"
    if result.mos is not None and result.mos < LEAST_MOS:
        yield f"the audio is bad: MOS {result.mos:.1f}"


def doubts(result: Result) -> Iterable[str]:
    """What a call could not find out."""
    if result.answered_by and result.first_audio is not None and result.talked_on and not result.echo:
        yield (
            "it spoke on while we spoke: whether it hears us can't be told (a longer --wait or "
            "synthetic.wait lets it finish first)"
        )


def headers_of(project: Project, node: str, call_id: str) -> tuple[tuple[str, str], ...]:
    """Those of the INVITE: the project's own, filled in for a call of nobody, and the mark."""
    values: defaultdict[str, str] = defaultdict(str)
    values |= {
        "account": project.account,
        "project": project.project,
        "environment": project.environment,
        "call_id": call_id,
        "contact_id": _NO_CONTACT,
        "node": node,
    }
    return (*render_headers(project.voice_agent.headers, values).items(), MARK)


def node_of(snapshot: Snapshot) -> dict[str, Any]:
    """The part of agent.yaml that a test call is made with, as plain values."""
    agent = snapshot.agent
    return {
        "listen": [str(one) for one in agent.sip.listen],
        "public_address": agent.sip.public_address,
        "tls": None if agent.sip.tls is None else agent.sip.tls.model_dump(mode="json"),
        "media": {
            "rtp_ports": str(agent.media.rtp_ports),
            "codecs": list(agent.media.codecs),
            "srtp": agent.media.srtp,
        },
        "dns": list(agent.dns.servers),
    }
