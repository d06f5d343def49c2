# SPDX-License-Identifier: GPL-3.0-or-later
"""Audio from files and into files: comfort audio, spoken prompts, recordings of the simulators."""

from __future__ import annotations

import math
import os
import random
import wave
from array import array
from collections.abc import Callable, Iterable
from pathlib import Path

import pjsua2

from agent.core.errors import SipError
from agent.sip import native

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
        native.require_open()
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
        native.require_open()
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

    Players are made before calls need them: then nothing can be missing, and nothing waits for a disk.

    Args:
        took: told of a choice that can't be played, silence takes its place: the place, the error.
    """

    def __init__(self, took: Callable[[str, Exception], None]) -> None:
        self._took = took
        self._players: dict[str, Player] = {}
        self._made_from: dict[str, int] = {}

    def prepare(self, choices: Iterable[str]) -> None:
        """Make the players of these choices, and anew those whose file has changed; the stack must be up.

        Players of other choices stay: calls keep the settings that they began with. A stack that has ended
        has nobody to hear them.
        """
        if native.closed:
            return
        for choice in {*choices} - {"silence"}:
            try:
                self._make(choice)
            except (SipError, OSError) as error:
                self._took("comfort", error)

    def player(self, choice: str) -> Player | None:
        """The shared player for a choice; None for silence, and for one that could not be made."""
        return self._players.get(choice)

    def close(self) -> None:
        """Let the players go; the stack must still be up."""
        for player in self._players.values():
            player.close()
        self._players.clear()

    def _make(self, choice: str) -> None:
        written = 0 if choice == "tone" else Path(choice).stat().st_mtime_ns
        if choice in self._players and self._made_from[choice] == written:
            return
        # Those who hear an earlier player of the choice keep it: it goes with the last of them.
        self._players[choice] = _tone() if choice == "tone" else Player(Path(choice))
        self._made_from[choice] = written


def _tone() -> Player:
    """The tone, from memory: a full or read-only disk can't keep it from being played."""
    with open(os.memfd_create("tone.wav"), "w+b") as memory:  # noqa: PTH123 - it has no path but that of /proc
        with wave.open(memory, "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(_RATE)
            file.writeframes(_samples().tobytes())
        memory.flush()
        return Player(Path(f"/proc/self/fd/{memory.fileno()}"))  # which opens it for itself


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
