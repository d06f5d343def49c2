# SPDX-License-Identifier: GPL-3.0-or-later
"""Templates to values: p1..p9 of a signal, and headers of the INVITE to the voice agent.

NICE publishes no limit for p1..p9, but Studio holds strings of a few kilobytes and long ones are known to
fail, so values are capped. NICE's own SDK drops empty values and renumbers the rest; we never do: a script
reads p3 where the project wrote p3.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from agent.core.frozen import FrozenDict
from agent.core.model.templates import parse_template

NAMES: Final = tuple(f"p{number}" for number in range(1, 10))
_NUMBERS: Final = {name: number for number, name in enumerate(NAMES, 1)}
LIMIT_BYTES: Final = 2000
TOTAL_BYTES: Final = 8000
MARKER: Final = "…"

# Controls (C0, DEL, C1) and Unicode's line ends: a script that splits by lines must not be led astray.
_CONTROLS: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_SURROGATES: Final = re.compile("[\ud800-\udfff]")
_MARKER_BYTES: Final = len(MARKER.encode())


@dataclass(frozen=True, slots=True)
class Rendered:
    """Parameters ready to be sent.

    Attributes:
        parameters: p1 up to the highest one set; those between that are not set are "".
        cut: names of those that were longer than allowed and end in ``…`` now.
    """

    parameters: Mapping[str, str]
    cut: tuple[str, ...] = ()


def render(
    templates: Mapping[str, str],
    values: Mapping[str, str],
    overrides: Mapping[str, str] | None = None,
    limit_bytes: int = LIMIT_BYTES,
    total_bytes: int | None = None,
) -> Rendered:
    """Fill in the parameters of one signal.

    Args:
        templates: p1..p9 → template of the project for the moment.
        values: what placeholders stand for in this call; labels under ``label.NAME``. Absent ones are "".
        overrides: p1..p9 → value that the voice agent gave; taken as they are, braces are no placeholders.
        limit_bytes: the longest value, in bytes of UTF-8.
        total_bytes: the longest sum of them; 8000, or ``limit_bytes`` if that is more.

    Returns:
        The parameters, with gaps as empty strings. When the sum is too long the later ones give way.
    """
    given = {name: _filled(template, values) for name, template in templates.items()}
    if overrides:
        given.update(overrides)
    room = max(TOTAL_BYTES, limit_bytes) if total_bytes is None else total_bytes
    highest = max([_NUMBERS[name] for name in given if name in _NUMBERS], default=0)
    parameters: dict[str, str] = {}
    cut: list[str] = []
    for name in NAMES[:highest]:
        value = _one_line(given.get(name, ""))
        kept, size = _fitted(value, min(limit_bytes, room))
        room -= size
        parameters[name] = kept
        if kept is not value:
            cut.append(name)
    return Rendered(FrozenDict(parameters), tuple(cut))


def render_headers(templates: Mapping[str, str], values: Mapping[str, str]) -> dict[str, str]:
    """Fill in header templates; nothing that came from outside can begin a header of its own.

    Line ends, NUL and whatever else can't be printed are removed (RFC 3261 section 25.1, header-value).
    """
    return {name: header_value(_filled(template, values)) for name, template in templates.items()}


def header_value(text: str) -> str:
    """The text as a header may carry it: printable characters only, no space at either end."""
    if not text.isprintable():
        text = "".join(filter(str.isprintable, text))
    return text.strip()


def _fitted(value: str, limit_bytes: int) -> tuple[str, int]:
    """The value, or as much of it as fits with the marker ``…`` into so many bytes of UTF-8, and its length.

    Characters stay whole. Where not even the marker fits, nothing is left.
    """
    encoded = value.encode()
    if len(encoded) <= limit_bytes:
        return value, len(encoded)
    if limit_bytes < _MARKER_BYTES:
        return "", 0
    kept = encoded[: limit_bytes - _MARKER_BYTES].decode(errors="ignore") + MARKER
    return kept, len(kept.encode())


def cut_warnings(
    cut: Iterable[str], sent: Mapping[str, str], given: Mapping[str, str]
) -> tuple[tuple[str, str], ...]:
    """What whoever gave the values is told of those that were cut.

    Args:
        cut: their names.
        sent: p1..p9 as they go to the script.
        given: p1..p9 that came as such, not out of a template.

    Returns:
        Name, and what became of it, in bytes of UTF-8.
    """
    told = []
    for name in cut:
        size, kept = (
            f" of {len(given[name].encode())} bytes" if name in given else "",
            len(sent[name].encode()),
        )
        came = (
            f"cut to {kept} bytes, and ends in {MARKER}"
            if kept
            else "left out: those before it fill the room"
        )
        told.append((name, f"the value{size} is longer than the project sends: it was {came}"))
    return tuple(told)


def _one_line(value: str) -> str:
    if value.isprintable():  # by far the most, and the cheapest to tell
        return value
    return _SURROGATES.sub("\N{REPLACEMENT CHARACTER}", _CONTROLS.sub(" ", value))


_pieces = lru_cache(maxsize=1024)(parse_template)


def _filled(template: str, values: Mapping[str, str]) -> str:
    pieces = _pieces(template)
    if len(pieces) == 1:  # most are one word, or one placeholder
        literal, name = pieces[0]
        return literal if name is None else literal + values.get(name, "")
    return "".join([literal if name is None else literal + values.get(name, "") for literal, name in pieces])
