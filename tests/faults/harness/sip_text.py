# SPDX-License-Identifier: GPL-3.0-or-later
"""SIP messages of many calls at once, as text: enough to set a call up, answer it and end it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

CRLF = "\r\n"
_COPIED = ("Via", "From", "To", "Call-ID", "CSeq")


@dataclass(frozen=True, slots=True)
class Message:
    """One message; header names are lower-case, the first value of each counts."""

    start_line: str
    headers: dict[str, str]

    @property
    def status(self) -> int:
        """The status code, 0 for a request."""
        return int(self.start_line.split(" ", 2)[1]) if self.start_line.startswith("SIP/2.0 ") else 0

    @property
    def method(self) -> str:
        """The method of a request, or the one that a response answers."""
        return self.headers["cseq"].split()[-1] if self.status else self.start_line.split(" ", 1)[0]

    @property
    def contact(self) -> str:
        """The URI that requests inside the dialog go to."""
        return self.headers["contact"].partition("<")[2].partition(">")[0]


def read(data: bytes) -> Message | None:
    """A message from a datagram; None for a keep-alive."""
    head = data.decode(errors="replace").partition(CRLF * 2)[0]
    start_line, *lines = head.lstrip(CRLF).split(CRLF)
    headers: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers.setdefault(name.strip().lower(), value.strip())
    return Message(start_line, headers) if "call-id" in headers else None


def idle_audio(port: int) -> str:
    """A G.711 offer or answer without any RTP in either direction: hundreds of calls then cost no media."""
    return CRLF.join(
        (
            *("v=0", "o=crowd 1 1 IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0"),
            *(f"m=audio {port} RTP/AVP 0", "a=rtpmap:0 PCMU/8000", "a=inactive", ""),
        )
    )


def response(asked: Message, status: str, tag: str, contact: str, body: str = "") -> bytes:
    """The response to a request; ``tag`` is put on To where it has none."""
    headers = {name: asked.headers[name.lower()] for name in _COPIED}
    if "tag=" not in headers["To"]:
        headers["To"] += f";tag={tag}"
    return _text(f"SIP/2.0 {status}", {**headers, "Contact": f"<{contact}>"}, body)


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
