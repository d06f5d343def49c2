# SPDX-License-Identifier: GPL-3.0-or-later
"""WAV files that the media thread writes: when they are whole, and how loud they are over time."""

from __future__ import annotations

import asyncio
import sys
import wave
from array import array
from pathlib import Path
from typing import Final

from agent.simulators.hearing import measure_file

_LOOKS: Final = 40
_LOOK_SECONDS: Final = 0.05
_FRAMES_A_SECOND: Final = 50
_SAMPLE_BYTES: Final = 2


async def written(path: Path) -> None:
    """Wait until the media thread has closed the file, though not for long: it writes the length last."""
    for _ in range(_LOOKS):
        if measure_file(path).seconds:
            return
        await asyncio.sleep(_LOOK_SECONDS)


def envelope(path: Path) -> tuple[float, ...]:
    """Mean amplitude of each 20 ms; nothing of a file that is not 16-bit mono PCM, or not there."""
    try:
        with wave.open(str(path), "rb") as file:
            if (file.getnchannels(), file.getsampwidth()) != (1, _SAMPLE_BYTES):
                return ()
            samples = array("h", file.readframes(file.getnframes()))
            step = file.getframerate() // _FRAMES_A_SECOND
    except (OSError, EOFError, wave.Error):
        return ()
    if sys.byteorder == "big":
        samples.byteswap()
    return tuple(
        sum(map(abs, samples[at : at + step])) / step for at in range(0, len(samples) - step + 1, step)
    )
