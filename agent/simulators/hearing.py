# SPDX-License-Identifier: GPL-3.0-or-later
"""How loud a recording is, so that a demo or a test can tell speech from silence."""

from __future__ import annotations

import math
import sys
import wave
from array import array
from dataclasses import dataclass
from pathlib import Path

_FRAME_SECONDS = 0.02
AUDIBLE_DBFS = -45.0
"""Louder than this is sound, in dB below full scale."""
_FULL_SCALE = 32768.0


@dataclass(frozen=True, slots=True)
class Heard:
    """What a recording holds.

    Attributes:
        seconds: its length.
        audible_seconds: how much of it is louder than -45 dB below full scale, in frames of 20 ms.
        loudest: the loudest frame, in dB below full scale (0 at most).
    """

    seconds: float
    audible_seconds: float
    loudest: float


def measure(samples: array[int], rate: int) -> Heard:
    """Measure 16-bit mono samples."""
    step = max(1, int(rate * _FRAME_SECONDS))
    levels = [level(samples[at : at + step]) for at in range(0, len(samples) - step + 1, step)]
    audible = sum(level > AUDIBLE_DBFS for level in levels)
    return Heard(
        round(len(samples) / rate, 2),
        round(audible * _FRAME_SECONDS, 2),
        round(max(levels, default=-96.0), 1),
    )


def measure_file(path: Path) -> Heard:
    """Measure a 16-bit mono PCM WAV file; one that holds nothing yet counts as empty."""
    try:
        with wave.open(str(path), "rb") as file:
            samples = array("h", file.readframes(file.getnframes()))
            rate = file.getframerate()
    except (EOFError, wave.Error):
        return Heard(0.0, 0.0, -96.0)
    if sys.byteorder == "big":
        samples.byteswap()
    return measure(samples, rate)


def level(frame: array[int]) -> float:
    """How loud some samples are, in dB below full scale."""
    power = sum(sample * sample for sample in frame) / len(frame)
    return 20 * math.log10(max(math.sqrt(power), 1.0) / _FULL_SCALE)
