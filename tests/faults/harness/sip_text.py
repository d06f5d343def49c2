# SPDX-License-Identifier: GPL-3.0-or-later
"""SIP messages of many calls at once, written as text: enough to set a call up, answer it and end it."""

from __future__ import annotations

import uuid

from agent.core.headers import address_of
from agent.simulators.messages import WireMessage

CRLF = "\r\n"
_COPIED = ("Via", "From", "To", "Call-ID", "CSeq")


def contact(message: WireMessage) -> str:
    """The URI that requests inside the dialog go to."""
    return address_of(message.first("Contact"))


def idle_audio(port: int) -> str:
    """A G.711 offer or answer without any RTP in either direction: hundreds of calls then cost no media."""
    return CRLF.join(
        (
            *("v=0", "o=crowd 1 1 IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0"),
            *(f"m=audio {port} RTP/AVP 0", "a=rtpmap:0 PCMU/8000", "a=inactive", ""),
        )
    )


def response(asked: WireMessage, status: str, tag: str, here: str, body: str = "") -> bytes:
    """The response to a request; ``tag`` is put on To where it has none."""
    headers = {name: asked.first(name) for name in _COPIED}
    if "tag=" not in headers["To"]:
        headers["To"] += f";tag={tag}"
    return _text(f"SIP/2.0 {status}", {**headers, "Contact": f"<{here}>"}, body)


def request(
    method: str,
    uri: str,
    dialog: dict[str, str],
    here: str,
    *,
    branch: str = "",
    more: str = "",
    body: str = "",
) -> bytes:
    """A request; ``dialog`` has From, To, Call-ID and CSeq's number, ``more`` further header lines."""
    headers = {
        "Via": f"SIP/2.0/UDP {here};branch={branch or 'z9hG4bK' + uuid.uuid4().hex};rport",
        **{name: value for name, value in dialog.items() if name != "CSeq"},
        "CSeq": f"{dialog['CSeq']} {method}",
        "Contact": f"<sip:crowd@{here}>",
        "Max-Forwards": "70",
    }
    return _text(f"{method} {uri} SIP/2.0", headers, body, more)


def _text(start_line: str, headers: dict[str, str], body: str, more: str = "") -> bytes:
    lines = [start_line, *(f"{name}: {value}" for name, value in headers.items()), *([more] if more else [])]
    if body:
        lines.append("Content-Type: application/sdp")
    return CRLF.join((*lines, f"Content-Length: {len(body)}", "", body)).encode()
