# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a far end sends back what was said to it: by how loudness rises and falls, not by words. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from agent.core.turns import LOUD

ALIKE: Final = 0.85
"""Correlation of two envelopes from which on one is the other: two people who speak stay below 0.6."""
_LEAST_FRAMES: Final = 50
"""A second in frames of 20 ms: what is shorter may be alike by chance."""
_LEAST_SPREAD: Final = 0.3


def sent_back(spoken: Sequence[float], heard: Sequence[float]) -> bool:
    """Whether what was spoken is in what was heard, however late, as loud as speech.

    Args:
        spoken: mean amplitude of each frame of what we said, 0 to 32767.
        heard: the same of all that came, in frames of the same length.

    Returns:
        False too where it can't be told: too short, or without a rise and fall.
    """
    return any(
        alike > ALIKE and max(heard[at : at + len(spoken)]) >= LOUD
        for at, alike in enumerate(_likeness(spoken, heard))
    )


def _likeness(spoken: Sequence[float], heard: Sequence[float]) -> Sequence[float]:
    """Pearson's correlation of what was spoken with each stretch of what was heard."""
    count = len(spoken)
    if count < _LEAST_FRAMES:
        return ()
    mean = sum(spoken) / count
    shape = [each - mean for each in spoken]
    size = math.sqrt(sum(each * each for each in shape))
    if size <= _LEAST_SPREAD * mean * math.sqrt(count):  # a tone: nearly as loud all the time
        return ()
    found = []
    for at in range(len(heard) - count + 1):
        part = heard[at : at + count]
        middle = sum(part) / count
        spread = math.sqrt(max(0.0, sum(each * each for each in part) - count * middle * middle))
        found.append(
            sum(ours * theirs for ours, theirs in zip(shape, part, strict=True)) / (size * max(spread, 1.0))
        )
    return found
