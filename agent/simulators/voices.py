# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells from the audio itself whose it is.

Where nothing on the way resamples or mixes, 20 ms of G.711 arrive as exactly the bytes that their source was
encoded to, so a frame is looked up among all frames of a source, at every offset. The agent's own comfort
tone comes from no file that we have: it is known by its pitch.
"""

from __future__ import annotations

import math
import wave
from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from agent.core.errors import AgentError
from agent.simulators.g711 import FRAME, RATE, decode, encode
from agent.simulators.hearing import AUDIBLE_DBFS, level

Voice: TypeAlias = frozenset[bytes]
"""All frames of a source."""

_PITCH: Final = 440.0
_PURE: Final = 0.8  # so much of a frame's power at one pitch makes it a tone
_SAMPLE_BYTES: Final = 2


@dataclass(frozen=True, slots=True)
class Part:
    """What was heard of one voice. Times are seconds since the epoch.

    Attributes:
        first: when it was heard first.
        last: when it was heard last.
        seconds: how long it sounded, pauses left out.
    """

    first: float
    last: float
    seconds: float


def voice_of(path: Path) -> Voice:
    """The frames of a WAV file that is spoken in a loop.

    Raises:
        AgentError: it can't be recognised: it is not 16-bit mono with 8000 samples a second.
    """
    try:
        with wave.open(str(path), "rb") as file:
            if (file.getnchannels(), file.getsampwidth(), file.getframerate()) != (1, _SAMPLE_BYTES, RATE):
                raise AgentError(f"{path} is not 16-bit mono at 8 kHz: it can't be recognised")
            codes = encode(array("h", file.readframes(file.getnframes())))
    except (OSError, EOFError, wave.Error) as error:
        raise AgentError(f"{path} can't be read: {error}") from None
    around = codes + codes[:FRAME]
    return frozenset(around[at : at + FRAME] for at in range(len(codes)))


def share_at(samples: array[int], hertz: float) -> float:
    """How much of some samples' power is at one pitch, from 0 to 1 (Goertzel's algorithm)."""
    turn = 2 * math.cos(2 * math.pi * hertz / RATE)
    before = earlier = 0.0
    for sample in samples:
        before, earlier = sample + turn * before - earlier, before
    at_pitch = before * before + earlier * earlier - turn * before * earlier
    power = sum(sample * sample for sample in samples)
    return 2 * at_pitch / (power * len(samples)) if power else 0.0


def is_tone(samples: array[int], hertz: float = _PITCH) -> bool:
    """Whether nearly all of some samples' power is at one pitch."""
    return share_at(samples, hertz) > _PURE


def parts(frames: Iterable[tuple[float, bytes]], voices: Mapping[str, Voice], tone: str) -> dict[str, Part]:
    """Who was heard, and when.

    Args:
        frames: when each packet came, and its u-law bytes.
        voices: whose frames are known.
        tone: what to call a pure tone.

    Returns:
        One part for each voice that was heard, and one called ``""`` for sound of nobody known.
    """
    found: dict[str, Part] = {}
    for when, codes in frames:
        samples = decode(codes)
        if level(samples) <= AUDIBLE_DBFS:
            continue
        name = next((name for name, voice in voices.items() if codes in voice), None)
        if name is None:
            name = tone if is_tone(samples) else ""
        part = found.get(name)
        seconds = len(codes) / RATE
        found[name] = Part(part.first, when, part.seconds + seconds) if part else Part(when, when, seconds)
    return found
