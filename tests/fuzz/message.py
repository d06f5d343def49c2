# SPDX-License-Identifier: GPL-3.0-or-later
"""A SIP message that may be wrong: its lines as text, so that a mutation can do to them what it likes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

_CODING = "latin-1"  # a byte is a character, whatever it means
COMPACT = {
    "Call-ID": "i",
    "Contact": "m",
    "Content-Encoding": "e",
    "Content-Length": "l",
    "Content-Type": "c",
    "Event": "o",
    "From": "f",
    "Refer-To": "r",
    "Referred-By": "b",
    "Session-Expires": "x",
    "Supported": "k",
    "To": "t",
    "Via": "v",
}


@dataclass
class Message:
    """One message.

    Attributes:
        start: the request line or status line.
        headers: names and values in order, as they are written; without Content-Length, unless there are two.
        length: what Content-Length says; None is the truth.
        end: what ends a line.
    """

    start: str
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: str = ""
    length: str | None = None
    end: str = "\r\n"

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read a message that came from the wire, however odd."""
        head, _, body = data.decode(_CODING).partition("\r\n\r\n")
        start, *lines = head.split("\r\n")
        pairs = (line.partition(":") for line in lines)
        headers = [(name.strip(), value.strip()) for name, _, value in pairs]
        return cls(start, [pair for pair in headers if pair[0].lower() != "content-length"], body)

    def render(self) -> bytes:
        """The bytes for the wire."""
        length = str(len(self.body.encode(_CODING))) if self.length is None else self.length
        lines = [self.start, *(f"{name}: {value}" for name, value in self.headers)]
        text = self.end.join((*lines, f"Content-Length: {length}", "", self.body))
        return text.encode(_CODING)

    def all(self, name: str) -> list[str]:
        """Every value of a header, in order."""
        return [value for found, value in self.headers if found.lower() == name.lower()]

    def first(self, name: str) -> str:
        """The first value of a header, empty if there is none."""
        return next(iter(self.all(name)), "")

    @property
    def status(self) -> int:
        """The status code, 0 for a request."""
        words = self.start.split()
        return int(words[1]) if self.start.startswith("SIP/2.0 ") and words[1].isdigit() else 0

    @property
    def method(self) -> str:
        """The method, for a response that of its CSeq."""
        words = (self.first("CSeq") if self.status else self.start).split()
        return words[-1 if self.status else 0] if words else ""
