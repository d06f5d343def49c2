# SPDX-License-Identifier: GPL-3.0-or-later
"""What a server answered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field


class Fields(Mapping[str, str]):
    """Header fields, by their names in any case; of several of one name the first counts.

    Args:
        raw: names in lower case, and values as they came.
    """

    __slots__ = ("_raw",)

    def __init__(self, raw: Mapping[bytes, bytes]) -> None:
        self._raw = raw

    def __getitem__(self, name: str) -> str:
        return self._raw[name.lower().encode()].decode(errors="surrogateescape")

    def get(self, name: str, default: str = "") -> str:  # type: ignore[override]
        """The value of a field, or the default."""
        value = self._raw.get(name.lower().encode())
        return default if value is None else value.decode(errors="surrogateescape")

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower().encode() in self._raw

    def __iter__(self) -> Iterator[str]:
        return (name.decode(errors="surrogateescape") for name in self._raw)

    def __len__(self) -> int:
        return len(self._raw)


@dataclass(slots=True)
class Response:
    """An answer.

    Attributes:
        status: of HTTP.
        headers: of the answer.
        body: as far as it was asked for; nothing when it broke off before.
    """

    status: int
    headers: Fields
    body: bytes = field(repr=False)

    @property
    def text(self) -> str:
        """The body as text; what is none stands as U+FFFD."""
        return self.body.decode(errors="replace")
