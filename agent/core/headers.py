# SPDX-License-Identifier: GPL-3.0-or-later
"""Read a SIP message's start line, headers and body from its text (RFC 3261 section 7)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Final

# RFC 3261 section 7.3.3 and the registries that follow it
COMPACT: Final = {
    "a": "accept-contact", "b": "referred-by", "c": "content-type", "d": "request-disposition",
    "e": "content-encoding", "f": "from", "i": "call-id", "j": "reject-contact", "k": "supported",
    "l": "content-length", "m": "contact", "n": "identity-info", "o": "event", "r": "refer-to",
    "s": "subject", "t": "to", "u": "allow-events", "v": "via", "x": "session-expires", "y": "identity",
}  # fmt: skip
_FOLD = re.compile(r"\r?\n[ \t]+")
# An unclosed one ends with the value. It matches wherever a quote stands, so that its time stays linear.
_QUOTED = re.compile(r'"(?:[^"\\]|\\.?)*+"?')
_QUOTED_OR_BRACKETED = re.compile(r'"(?:[^"\\]|\\.)*"|<[^>]*>')
_USER = re.compile(r"sips?:([^@;?\s]*)(?:;[^@\s]*)?@", re.IGNORECASE)
_TEL = re.compile(r"tel:([^;?\s]*)", re.IGNORECASE)
_TOKEN = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]+")
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_HEADERS_AT_MOST = 200

# What the stack or the dialog owns; relaying one of these would break the other leg.
RESERVED = frozenset({
    "via", "from", "to", "call-id", "cseq", "contact", "content-type", "content-length", "max-forwards",
    "allow", "supported", "require", "session-expires", "min-se", "route", "record-route", "authorization",
    "proxy-authorization", "refer-to", "referred-by", "replaces",
})  # fmt: skip


@dataclass(frozen=True)
class Message:
    """One SIP message as it came, with every header in order and none merged.

    Attributes:
        start_line: request line or status line.
        headers: (lower-case full name, value) pairs; folded lines joined, compact names spelled out.
        body: what follows the empty line.
    """

    start_line: str
    headers: tuple[tuple[str, str], ...]
    body: str

    def all(self, name: str) -> tuple[str, ...]:
        """Every value of the header `name` (any case), in order."""
        return self._by_name.get(name.lower(), ())

    def first(self, name: str) -> str:
        """The first value of the header `name` (any case), or ``""``."""
        values = self._by_name.get(name.lower())
        return values[0] if values else ""

    @property
    def request_uri(self) -> str:
        """The Request-URI of a request line, or ``""``."""
        parts = self.start_line.split(" ")
        return parts[1] if len(parts) == 3 and parts[2].startswith("SIP/") else ""  # noqa: PLR2004

    @property
    def method(self) -> str:
        """The method of a request line, or ``""`` for a response."""
        return "" if self.start_line.startswith("SIP/") else self.start_line.split(" ", 1)[0]

    @cached_property
    def _by_name(self) -> dict[str, tuple[str, ...]]:
        found: dict[str, tuple[str, ...]] = {}
        for name, value in self.headers:
            found[name] = (*found[name], value) if name in found else (value,)
        return found


def parse(text: str) -> Message:
    """Take a message apart; what is no header line is left out, never an error.

    Args:
        text: the whole message. Bytes that are no UTF-8 may stand in it as surrogates; they come out as
            U+FFFD so that logs, JSON and other legs can hold them.
    """
    if not text.isascii():
        text = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    head, _, body = text.partition("\r\n\r\n")
    if "\n " in head or "\n\t" in head:
        head = _FOLD.sub(" ", head)
    lines = head.split("\r\n")
    pairs = []
    for line in lines[1 : _HEADERS_AT_MOST + 1]:
        name, colon, value = line.partition(":")
        key = name.strip().lower()
        if colon and key:
            pairs.append((COMPACT.get(key, key), value.strip()))
    return Message(lines[0], tuple(pairs), body)


def address_of(value: str) -> str:
    """The URI of a name-addr, or an addr-spec as it stands (RFC 3261 section 25.1)."""
    bare = _QUOTED.sub("", value)
    _, bracket, inside = bare.partition("<")
    return (inside.partition(">")[0] if bracket else bare).strip()


def is_list(value: str) -> bool:
    """Whether a header's value is more than one: a comma outside of quotes and angle brackets."""
    return "," in value and "," in _QUOTED_OR_BRACKETED.sub("", value)


def user_part(uri: str) -> str:
    """The user of a sip:, sips: or tel: URI, also inside a name-addr, without its parameters.

    A display name never counts, whatever it looks like.
    """
    address = address_of(uri)
    found = _USER.match(address) or _TEL.match(address)
    return found.group(1).partition(":")[0] if found else ""


def writable(name: str, value: str) -> bool:
    """Whether a header may be added to a message of ours: a token as name, nothing that ends the line."""
    return (
        _TOKEN.fullmatch(name) is not None
        and name.lower() not in RESERVED
        and _UNPRINTABLE.search(value) is None
        and "\ufffd" not in value
    )
