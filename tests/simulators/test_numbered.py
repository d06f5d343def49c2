# SPDX-License-Identifier: GPL-3.0-or-later
"""Counting what is missing in RTP."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from agent.simulators.numbered import Numbered
from agent.simulators.rtp import Packet


def lost(numbers: Iterable[int], *, source: int = 7, into: Numbered | None = None) -> int:
    """How many are missing among packets with these sequence numbers."""
    counted = into or Numbered()
    for number in numbers:
        counted.take(Packet(0.0, 0, marker=False, sequence=number, timestamp=0, source=source, payload=b""))
    return counted.lost


@pytest.mark.parametrize(
    ("numbers", "missing"),
    [
        ((), 0),
        ((5,), 0),
        (range(5, 100), 0),
        (range(0, 100, 2), 49),
        ((1, 2, 4, 3, 5), 0),
        ((1, 2, 2, 2, 3), 0),
        ((2, 1, 4), 1),
        ((65534, 65535, 1, 2), 1),
        ((1, 65535, 0, 2), 0),
        ((1, 2, 3, 30_000, 30_001), 0),
    ],
)
def test_what_never_came_is_counted(numbers: Iterable[int], missing: int) -> None:
    assert lost(numbers) == missing


def test_another_source_counts_by_itself() -> None:
    counted = Numbered()
    assert lost((1, 2, 4), into=counted) == 1
    assert lost((900, 901, 904), source=8, into=counted) == 3
