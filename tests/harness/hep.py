# SPDX-License-Identifier: GPL-3.0-or-later
"""HEP3 packets taken apart by the specification's words (Debian's Wireshark does not know them)."""

from __future__ import annotations

import struct


def chunks(data: bytes) -> dict[int, bytes]:
    """A packet taken apart: type → value; each is of the generic vendor."""
    name, length = struct.unpack_from("!4sH", data)
    assert (name, length) == (b"HEP3", len(data))
    found: dict[int, bytes] = {}
    at = 6
    while at < len(data):
        vendor, kind, size = struct.unpack_from("!HHH", data, at)
        assert vendor == 0
        assert kind not in found
        found[kind] = data[at + 6 : at + size]
        at += size
    assert at == len(data)
    return found
