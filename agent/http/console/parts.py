# SPDX-License-Identifier: GPL-3.0-or-later
"""The fields of a multipart/form-data body (RFC 7578) that has come whole, so that its size is known.

Cut by whole parts, never line by line: what stands around them costs nothing, however odd it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from email.message import Message
from typing import Final

_PARAMETER: Final = re.compile(rb';[ \t]*([A-Za-z*-]+)=("[^"\r\n]*"|[^;\s]*)')
_DISPOSITION: Final = re.compile(rb"(?im)^content-disposition:[ \t]*form-data[ \t]*(;[^\r\n]*)")


def fields(content_type: str, body: bytes, at_most: int) -> Iterator[tuple[str, str]]:
    """Names and values, in their order; a file is text like the others.

    Args:
        content_type: the header, which names the boundary.
        body: all of it.
        at_most: how many there may be.

    Raises:
        ValueError: it is no such body, or not UTF-8, or has more fields.
    """
    boundary = boundary_of(content_type)
    _before, *parts = (b"\r\n" + body).split(b"\r\n--" + boundary, at_most + 2)
    if not parts or not parts[-1].startswith(b"--"):
        raise ValueError("it has no end, or too many parts")
    for part in parts[:-1]:
        head, end, value = part.partition(b"\r\n\r\n")
        found = _DISPOSITION.search(head)
        names = (
            [] if found is None else [text for key, text in _PARAMETER.findall(found[1]) if key == b"name"]
        )
        if not end or len(names) != 1:
            raise ValueError("a part has no name")
        yield names[0].strip(b'"').decode(), value.decode()


def boundary_of(content_type: str) -> bytes:
    """The boundary that a header names; raises ValueError where it names none."""
    header = Message()
    header["Content-Type"] = content_type
    boundary = header.get_boundary("").encode()
    if not boundary:
        raise ValueError("no boundary")
    return boundary
