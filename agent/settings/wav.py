# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a WAV file can be played to a caller, told from its head: the rules of pjmedia's player."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from agent.settings.files import open_regular

_PCM = 1
_LOWEST, _HIGHEST = 8000, 48_000
_STEP = 50
"""A frame of the mixer is 20 ms, and must be a whole number of samples: 11,025 Hz has none."""
_MOST_CHUNKS = 1000


def objection(path: Path) -> str | None:
    """What speaks against playing the file, in words that go on after its name; None when nothing does.

    Raises:
        OSError: it can't be read.
    """
    if path.exists() and not path.is_file():
        return "is no file: name a WAV file"
    with open_regular(path) as file:
        return _judge(file, os.fstat(file.fileno()).st_size)


def _judge(file: BinaryIO, size: int) -> str | None:
    head = file.read(12)
    if head[:4] != b"RIFF" or head[8:] != b"WAVE":
        return "is not a WAV file (RIFF, WAVE): convert it to 16-bit PCM"
    shape = None
    for name, length, begins in _chunks(file):
        if name == b"fmt " and shape is None:
            shape = file.read(16)
            if len(shape) < 16 or length < 16:  # noqa: PLR2004 - the format's own length
                return "is cut off within its format"
        elif name == b"data" and shape is not None:
            return _unplayable(shape, min(length, size - begins))
    return "has no audio: convert it to 16-bit PCM" if shape else "has no format: convert it to 16-bit PCM"


def _chunks(file: BinaryIO) -> Iterator[tuple[bytes, int, int]]:
    """Name, length and first byte of each chunk, the file standing there."""
    at = 12
    for _ in range(_MOST_CHUNKS):
        file.seek(at)
        head = file.read(8)
        if len(head) < 8:  # noqa: PLR2004 - the format's own length
            return
        name, length = head[:4], struct.unpack("<I", head[4:])[0]
        yield name, length, at + 8
        if not length:
            return
        at += 8 + length


def _unplayable(shape: bytes, length: int) -> str | None:
    code, channels, rate, _, align, bits = struct.unpack("<HHIIHH", shape)
    if code != _PCM or bits != 16 or align != 2 * channels:  # noqa: PLR2004 - 16-bit samples
        return f"is not 16-bit PCM (format {code}, {bits} bits): convert it"
    if channels != 1:
        return f"has {channels} channels: convert it to mono"
    if not _LOWEST <= rate <= _HIGHEST or rate % _STEP:
        return f"has {rate} samples a second: convert it to 8000, 16000 or 48000"
    if length < rate // _STEP * 2:
        return "is shorter than 20 ms: nothing could be heard"
    return None
