# SPDX-License-Identifier: GPL-3.0-or-later
"""Telling our own speech, sent back, from somebody else's."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from agent.core.echo import sent_back
from agent.core.turns import LOUD
from agent.simulators.recorded import envelope
from agent.simulators.synthetic import SPEECH

SPOKEN = envelope(SPEECH)


def words(seed: int, frames: int) -> list[float]:
    """Loudness as speech has it: syllables of some 200 ms, pauses between words."""
    chance = random.Random(seed)  # noqa: S311 - the same each time
    found: list[float] = []
    while len(found) < frames:
        loud, length = chance.choice([0, 900, 2500, 5000]), chance.randint(4, 14)
        found += [loud * (1 - abs(2 * at / length - 1)) + chance.uniform(5, 25) for at in range(length)]
    return found[:frames]


@pytest.mark.parametrize("late", [0, 7, 60, 300])
@pytest.mark.parametrize("gain", [1.0, 0.3])
def test_speech_that_comes_back_is_told_however_late(late: int, gain: float) -> None:
    noise = random.Random(1)  # noqa: S311 - the same each time
    heard = [noise.uniform(3, 15) for _ in range(900)]
    for at, loud in enumerate(SPOKEN):
        heard[100 + late + at] += gain * loud
    assert sent_back(SPOKEN, heard)


def test_half_a_frame_of_delay_does_not_hide_it() -> None:
    shifted = [(one + other) / 2 for one, other in pairwise(SPOKEN)]
    assert sent_back(SPOKEN, [0.0] * 50 + shifted + [0.0] * 50)


@pytest.mark.parametrize("seed", range(20))
def test_other_speech_is_none_of_ours(seed: int) -> None:
    assert not sent_back(SPOKEN, words(seed, 1500))


def test_silence_noise_and_what_nobody_would_hear_are_no_echo() -> None:
    noise = random.Random(2)  # noqa: S311 - the same each time
    for level in (0.0, 0.1, 5093.3, 32767.0):
        assert not sent_back(SPOKEN, [level] * 900), "the same all the time"
    assert not sent_back(SPOKEN, [noise.uniform(0, 3000) for _ in range(900)])
    faint = LOUD / max(SPOKEN) / 2
    assert not sent_back(SPOKEN, [0.0] * 100 + [faint * loud for loud in SPOKEN] + [0.0] * 100)


def test_what_has_no_rise_and_fall_tells_nothing() -> None:
    tone = [4000.0] * 170
    assert not sent_back(tone, [0.0] * 50 + tone + [0.0] * 50)
    assert not sent_back(SPOKEN[:20], [*SPOKEN])
    assert not sent_back((), SPOKEN)
    assert not sent_back(SPOKEN, ())
