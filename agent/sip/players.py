# SPDX-License-Identifier: GPL-3.0-or-later
"""Audio from files and into files: comfort audio, spoken prompts, recordings of the simulators."""

from __future__ import annotations

import math
import random
import tempfile
import wave
from array import array
from pathlib import Path

import pjsua2

from agent.core.errors import SipError

_RATE = 8000
_BEEP_HERTZ = 440
_SECONDS = 4
_BEEP_SECONDS = 0.25
_BEEP_LEVEL = 0.10
_NOISE_LEVEL = 0.004
_FADE_SAMPLES = 80


class Player:
    """A WAV file in a loop, read only while it is heard. `slot` is its port in the conference bridge."""

    def __init__(self, path: Path) -> None:
        self._native = pjsua2.AudioMediaPlayer()
        try:
            self._native.createPlayer(str(path))
        except pjsua2.Error as error:
            raise SipError(f"can't play {path}: {error.reason}; a PCM WAV file is needed") from None
        self.slot: int = self._native.getPortId()
        self.generation = 0

    def close(self) -> None:
        """Drop the native player."""
        self._native = None


class Recording:
    """A WAV file that a leg's audio is written to. `slot` is its port in the conference bridge."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._native = pjsua2.AudioMediaRecorder()
        try:
            self._native.createRecorder(str(path))
        except pjsua2.Error as error:
            raise SipError(f"can't write {path}: {error.reason}") from None
        self.slot: int = self._native.getPortId()

    def close(self) -> None:
        """Finish the file."""
        self._native = None


class Comfort:
    """Gives the player for a project's `comfort_audio`: ``tone``, ``silence`` or the path of a WAV file.

    ``tone`` is a faint noise floor with a soft beep every four seconds: enough to know that the line is up.
    ``silence`` plays nothing; RTP packets go on all the same, since the bridge feeds every stream.
    """

    def __init__(self) -> None:
        self._players: dict[str, Player] = {}
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def player(self, choice: str) -> Player | None:
        """The shared player for a choice, made when first asked for.

        Raises:
            SipError: the WAV file can't be played.
        """
        if choice == "silence":
            return None
        if choice not in self._players:
            self._players[choice] = Player(self._tone() if choice == "tone" else Path(choice))
        return self._players[choice]

    def close(self) -> None:
        """Let the players go; the stack must still be up."""
        for player in self._players.values():
            player.close()
        self._players.clear()
        if self._folder is not None:
            self._folder.cleanup()

    def _tone(self) -> Path:
        self._folder = tempfile.TemporaryDirectory(prefix="handoff-agent-")
        path = Path(self._folder.name) / "tone.wav"
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(_RATE)
            file.writeframes(_samples().tobytes())
        return path


def _samples() -> array[int]:
    chance = random.Random(0)  # noqa: S311 - noise to listen to
    beep = int(_BEEP_SECONDS * _RATE)
    samples = array("h")
    for at in range(_SECONDS * _RATE):
        level = chance.uniform(-_NOISE_LEVEL, _NOISE_LEVEL)
        if at < beep:
            fade = min(1.0, at / _FADE_SAMPLES, (beep - at) / _FADE_SAMPLES)
            level += fade * _BEEP_LEVEL * math.sin(2 * math.pi * _BEEP_HERTZ * at / _RATE)
        samples.append(int(level * 32767))
    return samples
