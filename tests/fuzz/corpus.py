# SPDX-License-Identifier: GPL-3.0-or-later
"""Well-formed messages of one end of a dialog: what mutations begin with."""

from __future__ import annotations

import json
from dataclasses import dataclass
from random import Random

from tests.fuzz.message import Message
from tests.fuzz.sdp import any_session, ordinary

SDP = "application/sdp"
TAG = "fuzz"  # of whoever is called
# As often as their handling is worth it.
IN_DIALOG = (
    *("INVITE",) * 5,
    *("UPDATE",) * 3,
    *("REFER", "INFO", "NOTIFY") * 2,
    *("PRACK", "OPTIONS", "ACK", "BYE", "CANCEL", "MESSAGE", "SUBSCRIBE", "PUBLISH"),
)
_ASKING = {"destination": "billing", "skill": "4101", "reason": "asked", "data": {"a": [1, "b"]}}
_MORE: dict[str, tuple[tuple[tuple[str, str], ...], ...]] = {
    "INVITE": (
        (),
        (
            ("Supported", "timer, 100rel, replaces"),
            ("Session-Expires", "1800;refresher=uac"),
            ("Min-SE", "90"),
        ),
        (("Allow", "INVITE, ACK, BYE, CANCEL, UPDATE, PRACK, REFER, NOTIFY, INFO"), ("Require", "100rel")),
        (("Replaces", "other@127.0.0.1;to-tag=a;from-tag=b"), ("User-to-User", "616263;encoding=hex")),
        (
            ("P-Asserted-Identity", '"Ada" <sip:8005550100@127.0.0.1>'),
            ("Privacy", "id"),
            ("X-OrigDnis", "80055501"),
        ),
    ),
    "UPDATE": ((), (("Supported", "timer"), ("Session-Expires", "90;refresher=uas"), ("Min-SE", "90"))),
    "REFER": (
        (("Refer-To", "<sip:queue@127.0.0.1>"), ("Referred-By", "<sip:bot@127.0.0.7>")),
        (("Refer-To", "<sip:billing@127.0.0.1?X-Handoff-Skill=4101>"), ("Refer-Sub", "false")),
        (
            ("Refer-To", "<sip:q@127.0.0.1?Replaces=a%40b%3Bto-tag%3Dc%3Bfrom-tag%3Dd>"),
            ("Supported", "norefersub"),
        ),
        (
            ("Refer-To", "<sip:queue@127.0.0.1>"),
            ("X-Handoff-Destination", "billing"),
            ("X-Handoff-Data", "%7B%7D"),
        ),
    ),
    "NOTIFY": (
        (("Event", "refer"), ("Subscription-State", "active;expires=60")),
        (("Event", "refer;id=1"), ("Subscription-State", "terminated;reason=noresource")),
    ),
    "PRACK": ((("RAck", "1 1 INVITE"),),),
    "BYE": (
        (),
        (("X-Handoff-Destination", "billing"), ("X-Handoff-Skill", "4101")),
        (("Reason", "Q.850;cause=16"),),
    ),
    "SUBSCRIBE": ((("Event", "refer"), ("Expires", "60")),),
    "PUBLISH": ((("Event", "presence"), ("Expires", "60")),),
}


@dataclass
class Dialog:
    """One end of a dialog, or of what may become one.

    Attributes:
        host, port, tcp: where this end is.
        local, remote: the values of From and To of its requests.
        target: the Request-URI of its requests.
        cseq: of the last request.
    """

    host: str
    port: int
    tcp: bool
    call_id: str
    local: str
    remote: str
    target: str
    cseq: int = 0

    @property
    def contact(self) -> str:
        """The value of this end's Contact."""
        return f"<sip:fuzz@{self.host}:{self.port}{';transport=tcp' if self.tcp else ''}>"

    def request(self, method: str, *headers: tuple[str, str], body: str = "", kind: str = SDP) -> Message:
        """The next request of this end; CANCEL and ACK keep the CSeq of the last one."""
        if method not in ("CANCEL", "ACK"):
            self.cseq += 1
        branch = f"z9hG4bK{self.call_id}.{self.cseq}{'A' if method == 'ACK' else ''}"
        transport = "TCP" if self.tcp else "UDP"
        return Message(
            f"{method} {self.target} SIP/2.0",
            [
                ("Via", f"SIP/2.0/{transport} {self.host}:{self.port};branch={branch};rport"),
                ("From", self.local),
                ("To", self.remote),
                ("Call-ID", self.call_id),
                ("CSeq", f"{self.cseq} {method}"),
                ("Contact", self.contact),
                ("Max-Forwards", "70"),
                *headers,
                *([("Content-Type", kind)] if body else []),
            ],
            body,
        )

    def any_request(self, rng: Random, method: str) -> Message:
        """A well-formed request of that method, one of several kinds."""
        body, kind = _body(rng, method)
        headers = rng.choice(_MORE.get(method, ((),)))
        return self.request(method, *headers, body=body, kind=kind)


def response(
    request: Message, status: int, reason: str, contact: str, *headers: tuple[str, str], body: str = ""
) -> Message:
    """A response to a request, from the end with this Contact."""
    to = request.first("To")
    kept = [pair for pair in request.headers if pair[0] in ("Via", "Record-Route", "From", "Call-ID", "CSeq")]
    return Message(
        f"SIP/2.0 {status} {reason}",
        [
            *kept,
            ("To", to if "tag=" in to else f"{to};tag={TAG}"),
            ("Contact", contact),
            *headers,
            *([("Content-Type", SDP)] if body else []),
        ],
        body,
    )


def _body(rng: Random, method: str) -> tuple[str, str]:
    if method in ("INVITE", "UPDATE", "ACK", "PRACK") and rng.random() < (0.8 if method == "INVITE" else 0.4):
        return rng.choice((ordinary, any_session))(rng), SDP
    if method == "INFO":
        return rng.choice(
            (
                (json.dumps(_ASKING), "application/json"),
                ("Signal=5\r\nDuration=160\r\n", "application/dtmf-relay"),
                ("5", "application/dtmf"),
                ("<media_control/>", "application/media_control+xml"),
            )
        )
    if method == "NOTIFY":
        return rng.choice(
            ("SIP/2.0 100 Trying", "SIP/2.0 200 OK", "SIP/2.0 603 Declined")
        ), "message/sipfrag;version=2.0"
    return "", SDP
