# SPDX-License-Identifier: GPL-3.0-or-later
"""Comfort audio that can't be played is a mistake of the configuration; what passes, the stack plays."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import wave
from pathlib import Path
from typing import Protocol

import pytest

from agent.settings.wav import objection


class Folder(Protocol):
    """The folder of conftest.py."""

    path: Path

    def write(self, name: str, text: str) -> None:
        """Replace a file."""

    def mistakes(self) -> list[str]:
        """What loading it finds wrong."""


def sound(rate: int = 8000, *, channels: int = 1, width: int = 2, samples: int = 800) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(channels)
        out.setsampwidth(width)
        out.setframerate(rate)
        out.writeframes(b"\0" * samples * channels * width)
    return file.getvalue()


def patched(at: int, *words: int) -> bytes:
    """A good file with other 16-bit words at a place of its head."""
    data = bytearray(sound())
    struct.pack_into(f"<{len(words)}H", data, at, *words)
    return bytes(data)


WITH_MORE_CHUNKS = sound()[:12] + b"LIST\x04\0\0\0abcd" + sound()[12:]
GOOD = {
    "8000": sound(),
    "16000": sound(16_000),
    "22050": sound(22_050),
    "48000": sound(48_000, samples=4800),
    "chunks": WITH_MORE_CHUNKS,
    "longer-than-it-is": patched(40, 0xFFFF, 0x7FFF),
}
BAD = {
    "text": (b"no audio at all, but long enough to be one, is it not?", "is not a WAV file"),
    "empty": (b"", "is not a WAV file"),
    "cut": (sound()[:20], "is cut off within its format"),
    "head": (sound()[:36], "has no audio"),
    "short": (sound(samples=10), "is shorter than 20 ms"),
    "8-bit": (sound(width=1), "is not 16-bit PCM (format 1, 8 bits)"),
    "24-bit": (sound(width=3), "is not 16-bit PCM (format 1, 24 bits)"),
    "stereo": (sound(channels=2), "has 2 channels: convert it to mono"),
    "a-law": (patched(20, 6), "is not 16-bit PCM (format 6, 16 bits)"),
    "extensible": (patched(20, 0xFFFE), "is not 16-bit PCM (format 65534, 16 bits)"),
    "align": (patched(32, 4), "is not 16-bit PCM"),
    "none": (patched(22, 0), "is not 16-bit PCM"),
    "0-hertz": (patched(24, 0), "has 0 samples a second"),
    "11025": (sound(11_025), "has 11025 samples a second: convert it to 8000, 16000 or 48000"),
    "96000": (sound(96_000, samples=9600), "has 96000 samples a second"),
}


@pytest.mark.parametrize("name", GOOD)
def test_what_the_player_takes_is_taken(folder: Folder, name: str) -> None:
    (folder.path / "comfort.wav").write_bytes(GOOD[name])
    assert objection(folder.path / "comfort.wav") is None


@pytest.mark.parametrize("name", BAD)
def test_what_it_does_not_take_is_a_mistake(folder: Folder, name: str) -> None:
    data, words = BAD[name]
    file = folder.path / "comfort.wav"
    file.write_bytes(data)
    project = (folder.path / "projects/care.yaml").read_text(encoding="utf-8")
    folder.write("projects/care.yaml", project + "handoff:\n  comfort_audio: comfort.wav\n")
    (found,) = folder.mistakes()
    line = project.count("\n") + 2
    assert found.startswith(f"projects/care.yaml:{line}:18: {file} {words}")


def test_a_folder_is_no_file(folder: Folder) -> None:
    assert objection(folder.path) == "is no file: name a WAV file"


def test_all_that_passes_is_played_by_the_stack(tmp_path: Path) -> None:
    """In a process of its own, since a SIP stack may be made once in one."""
    for name, data in GOOD.items():
        (tmp_path / f"{name}.wav").write_bytes(data)
    program = (
        "import sys; from pathlib import Path; import pjsua2\n"
        "ends = pjsua2.Endpoint(); ends.libCreate(); ends.libInit(pjsua2.EpConfig())\n"
        "ends.audDevManager().setNullDev()\n"
        "from agent.sip.players import Player\n"
        "players = [Player(Path(name)) for name in sys.argv[1:]]\n"
        "[player.close() for player in players]; ends.libDestroy()\n"
    )
    files = sorted(map(str, tmp_path.iterdir()))
    ran = subprocess.run(
        [sys.executable, "-c", program, *files], capture_output=True, text=True, timeout=240, check=False
    )
    assert ran.returncode == 0, ran.stdout[-2000:] + ran.stderr
