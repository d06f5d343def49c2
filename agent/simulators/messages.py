# SPDX-License-Identifier: GPL-3.0-or-later
"""SIP messages as they are seen on the wire."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from agent.core.headers import Message, parse
from agent.simulators.wiretap import Place

_HOST: Final = re.compile(r"^c=IN IP4 (\S+)", re.MULTILINE)
_AUDIO: Final = re.compile(r"^m=audio (\d+) ", re.MULTILINE)


@dataclass(frozen=True)
class WireMessage(Message):
    """One SIP message, a request or a response."""

    @property
    def status(self) -> int:
        """The status of a response, 0 of a request."""
        version, _, rest = self.start_line.partition(" ")
        code = rest.partition(" ")[0]
        return int(code) if version == "SIP/2.0" and code.isdecimal() else 0

    @property
    def answers(self) -> str:
        """The method of the request that a response answers, ``""`` of a request."""
        return self.first("cseq").rpartition(" ")[2] if self.status else ""

    @property
    def label(self) -> str:
        """``INVITE`` for a request, ``200 INVITE`` for a response."""
        return f"{self.status} {self.answers}" if self.status else self.method

    @property
    def audio(self) -> Place | None:
        """Where the sender takes audio (RFC 8866); None without SDP."""
        host, port = _HOST.search(self.body), _AUDIO.search(self.body)
        return (host[1], int(port[1])) if host and port else None


def read(data: bytes) -> WireMessage:
    """Take a message apart; bytes that are none come out as one without status and headers."""
    message = parse(data.decode("utf-8", "surrogateescape"))
    return WireMessage(message.start_line, message.headers, message.body)
