# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose voice it is, told from the frames alone."""

from __future__ import annotations

import math
import random
import wave
from array import array
from pathlib import Path

import pytest

from agent.core.errors import AgentError
from agent.simulators.g711 import FRAME, RATE, encode
from agent.simulators.voices import Part, is_tone, parts, voice_of


def noise(seed: int, seconds: float = 1.0, loudness: int = 8000) -> array[int]:
    chance = random.Random(seed)  # noqa: S311 - noise to listen to
    return array("h", (chance.randint(-loudness, loudness) for _ in range(int(seconds * RATE))))


def tone(hertz: float = 440.0, seconds: float = 0.02, loudness: float = 3000) -> array[int]:
    return array(
        "h", (int(loudness * math.sin(2 * math.pi * hertz * at / RATE)) for at in range(int(seconds * RATE)))
    )


def wav(path: Path, samples: array[int], rate: int = RATE) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, rate, len(samples), "NONE", "not compressed"))
        file.writeframes(samples.tobytes())
    return path


def frames(samples: array[int], began: float = 100.0, offset: int = 0) -> list[tuple[float, bytes]]:
    codes = encode(samples)
    starts = range(offset, len(codes) - FRAME + 1, FRAME)
    return [(began + number * 0.02, codes[at : at + FRAME]) for number, at in enumerate(starts)]


def test_a_voice_is_known_at_any_offset_and_around_the_end_of_its_loop(tmp_path: Path) -> None:
    speech = noise(1)
    voice = voice_of(wav(tmp_path / "one.wav", speech))
    played = frames(speech + speech, offset=37)
    assert all(codes in voice for _, codes in played)


def test_two_voices_are_told_apart_and_the_rest_is_nobody_s(tmp_path: Path) -> None:
    ann, ben = noise(1), noise(2)
    known = {name: voice_of(wav(tmp_path / name, speech)) for name, speech in (("ann", ann), ("ben", ben))}
    heard = parts([*frames(ann), *frames(ben, 200.0), *frames(noise(3), 300.0)], known, "beep")
    assert {name: round(part.seconds, 2) for name, part in heard.items()} == {"ann": 1.0, "ben": 1.0, "": 1.0}
    assert heard["ben"].first == 200.0
    assert heard["ann"].last == pytest.approx(100.98)


def test_silence_is_nobody_s_and_pauses_do_not_count() -> None:
    sound = [(1.0, encode(tone())), (1.02, b"\xff" * FRAME), (1.04, encode(tone()))]
    assert parts(sound, {}, "beep") == {"beep": Part(1.0, 1.04, 0.04)}


def test_the_tone_is_known_by_its_pitch() -> None:
    pitches = (220, 430, 440, 450, 600, 880)
    assert [hertz for hertz in pitches if is_tone(tone(hertz))] == [430, 440, 450]


def test_neither_silence_nor_noise_is_a_tone() -> None:
    assert not is_tone(array("h", [0]) * FRAME)
    assert not is_tone(noise(4, 0.02))


def test_what_can_t_be_known_again_is_told(tmp_path: Path) -> None:
    with pytest.raises(AgentError, match="not 16-bit mono at 8 kHz"):
        voice_of(wav(tmp_path / "wide.wav", noise(1), rate=16000))
    (tmp_path / "odd.wav").write_bytes(b"no recording")
    with pytest.raises(AgentError, match="can't be read"):
        voice_of(tmp_path / "odd.wav")
