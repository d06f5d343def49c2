# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a whole SIP message is concealed before anybody reads it, without changing its length.

A concealed character becomes ``*``, which is legal wherever a number, a name or a token may stand (RFC 3261
section 25.1). So a message keeps its Content-Length, its headers and the size of its packet, and tools read
it as any other. Never shown to anybody: credentials and connector tokens. Where numbers are masked, so is
what a caller or a voice agent said: bodies that are not SDP, and headers that SIP does not define.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from agent.core.headers import COMPACT
from agent.telemetry.lines import masked

_SECRET: Final = frozenset({"authorization", "proxy-authorization", "identity"})
# Headers of SIP and of its extensions (IANA), which are read with numbers masked; all others are concealed.
_PLAIN: Final = frozenset({
    "accept", "accept-encoding", "accept-language", "alert-info", "allow", "allow-events",
    "authentication-info", "call-id", "call-info", "content-disposition", "content-encoding",
    "content-language", "content-length", "content-type", "cseq", "date", "error-info", "event",
    "expires", "max-forwards", "mime-version", "min-expires", "min-se", "organization",
    "p-access-network-info", "p-charging-vector", "priority", "privacy", "proxy-authenticate",
    "proxy-require", "rack", "reason", "record-route", "refer-sub", "replaces", "require",
    "resource-priority", "retry-after", "route", "rseq", "server", "session-expires", "session-id",
    "subscription-state", "supported", "timestamp", "traceparent", "unsupported", "user-agent", "via",
    "warning", "www-authenticate",
})  # fmt: skip
# Those that name people: their display names are masked as well.
_NAMES: Final = frozenset({
    "contact", "diversion", "from", "history-info", "p-asserted-identity", "p-called-party-id",
    "p-preferred-identity", "refer-to", "referred-by", "remote-party-id", "reply-to", "to",
})  # fmt: skip
# Each takes all that it looks at, also where nothing is masked: a peer may write 64 kB of "sip:sip:sip:".
_URI: Final = re.compile(r"(?i)\bsips?:[^\s@<>\"]*+@?|\btel:[^\s<>\";]*+")
_OF_SDP: Final = re.compile(r"(?m)^(?:o=\S*|[seipu]=[^\r\n]*)")
_LINES: Final = re.compile(r"(?s).*?(?:\r\n|\n|\Z)(?![ \t])")
_SDP: Final = "application/sdp"
_SIPFRAG: Final = "message/sipfrag"
_VISIBLE: Final = re.compile(r"\S")
_DIGIT: Final = re.compile(r"\d(?=(?:\D*\d){2})")


@dataclass(frozen=True, slots=True)
class Concealed:
    """What is concealed for one reader.

    Attributes:
        numbers: whether numbers, and what was said, are concealed too.
        tokens: lower-case names of headers that carry connector tokens.
        known: values that are shown wherever they stand alone in a header, such as the contact id.
    """

    numbers: bool
    tokens: Collection[str] = ()
    known: Collection[str] = ()

    def message(self, message: bytes) -> bytes:
        """A message as its reader may see it; as long as it was."""
        head, end, body = message.decode("latin-1").partition("\r\n\r\n")
        lines = [found for found in _LINES.findall(head) if found]
        start = lines[0] if lines else ""
        headers = [self._header(line) for line in lines[1:]]
        if self.numbers:
            start = _URI.sub(_masked, start)
            body = self._body(body, lines[1:])
        return "".join((start, *headers, end, body)).encode("latin-1")

    def _header(self, line: str) -> str:
        name, colon, value = line.partition(":")
        key = _full(name)
        if key in _SECRET or key in self.tokens:
            return f"{name}{colon}{_hidden(value)}"
        if not self.numbers or not colon or value.strip() in self.known:
            return line
        if key in _NAMES:
            return f"{name}{colon}{_names_masked(_URI.sub(_masked, value))}"
        if key in _PLAIN:
            return f"{name}{colon}{_URI.sub(_masked, value)}"
        return f"{name}{colon}{_hidden(value)}"

    @staticmethod
    def _body(body: str, headers: list[str]) -> str:
        kind = next((line.partition(":")[2].strip().lower() for line in headers if _is_type(line)), "")
        if kind.startswith(_SDP):
            return _OF_SDP.sub(lambda found: masked(found[0]), body)
        return _URI.sub(_masked, body) if kind.startswith(_SIPFRAG) else _hidden(body)


def _is_type(line: str) -> bool:
    return _full(line.partition(":")[0]) == "content-type"


def _full(name: str) -> str:
    key = name.strip().lower()
    return COMPACT.get(key, key)


def _hidden(text: str) -> str:
    return _VISIBLE.sub("*", text)


def _masked(found: re.Match[str]) -> str:
    uri = found[0]
    return masked(uri) if uri.endswith("@") or uri[:4].lower() == "tel:" else uri


def _names_masked(value: str) -> str:
    """The value with the digits in display names masked: those stand before a ``<``, after a comma."""
    *before, last = value.split("<")
    parts = []
    for part in before:
        uri, end, rest = part.rpartition(">")
        parameters, comma, name = rest.partition(",") if end else ("", "", rest)
        parts.append(f"{uri}{end}{parameters}{comma}{_DIGIT.sub('*', name)}<")
    return "".join((*parts, last))
