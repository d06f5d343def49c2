# SPDX-License-Identifier: GPL-3.0-or-later
"""Telling sound from silence."""

from __future__ import annotations

import math
import wave
from array import array
from pathlib import Path

import pytest

from agent.simulators.hearing import Heard, measure, measure_file

RATE = 8000


def tone(seconds: float, amplitude: float, rate: int = RATE) -> array[int]:
    turn = 2 * math.pi * 440 / rate
    return array("h", (round(amplitude * math.sin(turn * at)) for at in range(int(seconds * rate))))


def test_a_full_scale_tone_is_three_decibels_below_full_scale() -> None:
    heard = measure(tone(1.0, 32767), RATE)
    assert (heard.seconds, heard.audible_seconds) == (1.0, 1.0)
    assert heard.loudest == pytest.approx(-3.0, abs=0.15)


def test_silence_and_the_hiss_of_a_codec_are_not_audible() -> None:
    assert measure(array("h", [0]) * RATE, RATE).audible_seconds == 0
    assert measure(array("h", [8, -8]) * RATE, RATE).audible_seconds == 0


def test_only_what_sounds_counts() -> None:
    heard = measure(tone(0.5, 8000) + array("h", [0]) * RATE, RATE)
    assert (heard.seconds, heard.audible_seconds) == (1.5, 0.5)


@pytest.mark.parametrize("rate", [8000, 16000, 48000])
def test_the_rate_does_not_matter(rate: int) -> None:
    heard = measure(tone(0.4, 8000, rate), rate)
    assert (heard.seconds, heard.audible_seconds) == (0.4, 0.4)


def test_nothing_and_less_than_a_frame_are_silence() -> None:
    for samples in (array("h"), tone(0.01, 32767)):
        assert measure(samples, RATE).loudest == -96.0


def test_a_file_is_measured_like_its_samples(tmp_path: Path) -> None:
    samples = tone(0.5, 8000)
    with wave.open(str(tmp_path / "one.wav"), "wb") as file:
        file.setparams((1, 2, RATE, len(samples), "NONE", "not compressed"))
        file.writeframes(samples.tobytes())
    assert measure_file(tmp_path / "one.wav") == measure(samples, RATE)


def test_a_file_that_holds_nothing_yet_is_silence(tmp_path: Path) -> None:
    (tmp_path / "empty.wav").touch()
    (tmp_path / "odd.wav").write_bytes(b"not a recording at all")
    for name in ("empty.wav", "odd.wav"):
        assert measure_file(tmp_path / name) == Heard(0.0, 0.0, -96.0)
