# SPDX-License-Identifier: GPL-3.0-or-later
"""Text out of a header's value: URL-encoded, as User-to-User information (RFC 7433), or as it stands.

What a peer sends is never an error here: a caller is not lost over a header that is badly written.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_SURROGATES = re.compile("[\ud800-\udfff]")
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2})+", re.ASCII)
_DISCRIMINATORS = (0x00, 0x04)  # Q.931 table 4-26: user-specific, IA5 characters
_QUOTED = r'"(?:[^"\\]|\\.)*"'
_PARAMETER = rf'\s*;\s*([^\s;,="]+)(?:\s*=\s*({_QUOTED}|[^\s;,="]+))?'
_VALUE = re.compile(rf'\s*({_QUOTED}|[^\s;,"]+)((?:{_PARAMETER})*)\s*')
_PARAMETERS = re.compile(_PARAMETER)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


def text_of(name: str, value: str) -> str:
    """What a header says.

    ``;encoding=hex`` is undone in every header. In User-to-User, whose encoding is hex by default (RFC 7433
    section 4.1), also digits without it, if text comes out; else the digits stand for themselves. Whatever
    is not hex is URL-decoded: a broken ``%`` stays, bytes that are no UTF-8 become U+FFFD.

    Args:
        name: the header, in any case; ``X-User-to-User`` counts as User-to-User.
        value: as it came; of several User-to-User values in one header the first that says something counts.

    Returns:
        The text, which may hold control characters still: see `one_line`.
    """
    by_default = name.lower().endswith("user-to-user")
    values = _values(value)
    if len(values) == 1 or by_default:
        for data, parameters in values:
            found = _decoded(data, parameters, by_default=by_default)
            if found:
                return found
    return unquote(value)


def one_line(text: str) -> str:
    """The text without control characters and line ends, lone surrogates replaced, no space around it."""
    if not text.isprintable():
        text = _SURROGATES.sub("\N{REPLACEMENT CHARACTER}", _CONTROLS.sub("", text))
    return text.strip()


def _values(text: str) -> list[tuple[str, dict[str, str]]]:
    """The values of a list by comma, each with its parameters; none when it is not of that form."""
    found: list[tuple[str, dict[str, str]]] = []
    position = 0
    while match := _VALUE.match(text, position):
        pairs = _PARAMETERS.findall(match[2])
        found.append((_unquoted(match[1]), {key.lower(): _unquoted(value) for key, value in pairs}))
        position = match.end() + 1
        if match.end() == len(text):
            return found
        if text[match.end()] != ",":
            break
    return []


def _unquoted(text: str) -> str:
    return _ESCAPED.sub(r"\1", text[1:-1]) if text.startswith('"') else text


def _decoded(data: str, parameters: dict[str, str], *, by_default: bool) -> str:
    encoding = parameters.get("encoding", "").lower()
    if encoding == "hex" or (by_default and not encoding):
        found = _from_hex(data, sure=encoding == "hex")
        if found:
            return found
    return unquote(data) if by_default or encoding == "hex" else ""


def _from_hex(digits: str, *, sure: bool) -> str:
    if not _HEX.fullmatch(digits):
        return ""
    octets = bytes.fromhex(digits)
    # Switches put the protocol discriminator of Q.931 in front; as a first character it is no text.
    text = octets[octets[0] in _DISCRIMINATORS :]
    try:
        found = text.decode()
    except UnicodeDecodeError:
        return text.decode(errors="replace") if sure else ""
    readable = all(character.isprintable() or character in "\r\n\t" for character in found)
    return found if sure or readable else ""
