# SPDX-License-Identifier: GPL-3.0-or-later
"""SIP messages as SIPp logged them (``-trace_msg``), so that tests can assert on the wire."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from agent.simulators.messages import WireMessage, read

_RULE = re.compile(
    rb"^-{20,} (?P<at>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+)\n"
    rb"(?:UDP|TCP|TLS) message (?P<way>sent|received) [\[(](?P<size>\d+)[^\n]*\n\n",
    re.MULTILINE,
)


@dataclass(frozen=True)
class SipMessage(WireMessage):
    """One message, as the SIPp that logged it saw it. ``at`` is local time in seconds since the epoch."""

    sent: bool
    at: float

    def header(self, name: str) -> str:
        """The first value of a header, empty if there is none."""
        return self.first(name)

    @property
    def audio_port(self) -> int:
        """The port of the first audio stream in the body, 0 if there is none."""
        return self.audio[1] if self.audio else 0

    @property
    def event_type(self) -> int:
        """The RTP payload type under which who wrote the body takes telephone events (RFC 4733)."""
        found = re.search(r"^a=rtpmap:(\d+) telephone-event/8000", self.body, re.MULTILINE)
        assert found, f"no telephone-event in\n{self.body}"
        return int(found[1])

    @property
    def direction(self) -> str:
        """The SDP direction of the audio (RFC 8866 section 6.7), ``sendrecv`` unless another is written."""
        found = re.search(r"^a=(sendrecv|sendonly|recvonly|inactive)\s*$", self.body, re.MULTILINE)
        return found[1] if found else "sendrecv"


def read_messages(path: Path) -> list[SipMessage]:
    """Every message of a SIPp message log, in order; an absent file has none."""
    if not path.exists():
        return []
    data = path.read_bytes()
    found = (_message(data, match) for match in _RULE.finditer(data))
    return [message for message in found if message.start_line]  # what has none is a keep-alive


def once(messages: Iterable[SipMessage]) -> list[SipMessage]:
    """Messages without those that repeat an earlier one: an answer did not come in time (RFC 3261 17.1)."""
    seen: set[tuple[str, str, str]] = set()
    kept = []
    for message in messages:
        name = (message.start_line, message.header("Via"), message.header("CSeq"))
        if name not in seen:
            seen.add(name)
            kept.append(message)
    return kept


def labels(messages: Iterable[SipMessage]) -> list[str]:
    """The labels of messages: what a ladder diagram would show."""
    return [message.label for message in messages]


def _message(data: bytes, match: re.Match[bytes]) -> SipMessage:
    seen = read(data[match.end() : match.end() + int(match["size"])])
    at = datetime.strptime(match["at"].decode(), "%Y-%m-%d %H:%M:%S.%f").astimezone().timestamp()
    return SipMessage(seen.start_line, seen.headers, seen.body, match["way"] == b"sent", at)
