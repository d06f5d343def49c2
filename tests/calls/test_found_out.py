# SPDX-License-Identifier: GPL-3.0-or-later
"""Test calls to simulated voice agents of each manner, over real RTP; and over paths with known loss."""

from __future__ import annotations

import asyncio
import json
import math
import wave
from array import array
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import pytest

from agent.simulators.g711 import RATE
from agent.simulators.rtp import PCMU
from tests.calls.harness.house import House
from tests.calls.harness.plan import VOICE_AGENT
from tests.calls.harness.ports import free_range, free_rtp_port
from tests.calls.harness.processes import COMMAND
from tests.calls.harness.rtp import RtpPeer
from tests.calls.test_synthetic import bot, called

pytestmark = [pytest.mark.calls, pytest.mark.slow, pytest.mark.usefixtures("ahead")]

DEAF: Final = "it said nothing after we had spoken: it does not hear us, or does not react"


def speech(folder: Path, seconds: float) -> Path:
    """A WAV file with sound of that length, loud all the time."""
    path = folder / "speech.wav"
    samples = (round(8000 * math.sin(2 * math.pi * 300 * n / RATE)) for n in range(int(seconds * RATE)))
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", "not compressed"))
        file.writeframes(array("h", samples).tobytes())
    return path


@asynccontextmanager
async def simulated(house: House, manner: str, says: Path) -> AsyncIterator[list[str]]:
    """The simulated voice agent in the place of acme-care's; what it tells, complete on leaving."""
    low, high = free_range(20)
    command = (
        *(str(COMMAND), "simulate", "voice-agent", "--listen", f"{VOICE_AGENT}:{house.plan.first}"),
        *("--rtp-ports", f"{low}-{high}", "--calls", "4", "--manner", manner, "--speak", str(says)),
    )
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    told: list[str] = []
    try:
        first = json.loads(await process.stdout.readline())
        assert first["event"] == "listening", first
        yield told
    finally:
        process.terminate()
        told += (await process.communicate())[0].decode().splitlines()


def heard(told: list[str]) -> float:
    """For how many seconds the simulated voice agent heard sound."""
    (over,) = [one for one in map(json.loads, told) if one["event"] == "over"]
    return float(over["heard"]["audible_seconds"])


async def test_one_that_hears_and_answers_passes(house: House, tmp_path: Path) -> None:
    async with simulated(house, "listens", speech(tmp_path, 1.0)) as told:
        code, result = await called(house)
    assert (code, result["wrong"], result["unclear"]) == (0, [], []), result
    assert result["verdict"] == "passed"
    assert heard(told) > 1
    keys = [one["digit"] for one in map(json.loads, told) if one["event"] == "digit"]
    assert keys == ["1"], "the key that was pressed is the key that it got"


async def test_one_that_stops_when_it_is_spoken_over_hears_however_long_it_would_talk(
    house: House, tmp_path: Path
) -> None:
    async with simulated(house, "listens", speech(tmp_path, 60.0)):
        code, result = await called(house)
    assert (code, result["verdict"]) == (0, "passed"), result
    assert result["response_gap"] > 0


async def test_of_one_that_talks_on_whatever_we_say_nothing_is_claimed(house: House, tmp_path: Path) -> None:
    async with simulated(house, "talks", speech(tmp_path, 2.0)) as told:
        code, result = await called(house)
    assert (code, result["verdict"], result["passed"]) == (3, "unclear", False), result
    assert result["wrong"] == []
    assert ["can't be told" in line for line in result["unclear"]] == [True]
    assert result["response_gap"] is None
    assert heard(told) > 1, "though our speech got there"


async def test_one_that_talks_longer_than_we_wait_and_is_deaf_is_found_out(
    house: House, tmp_path: Path
) -> None:
    async with simulated(house, "deaf", speech(tmp_path, 8.0)):
        code, result = await called(
            house
        )  # waits 4 s, speaks over it, waits till it is quiet, asks once more
    assert (code, result["wrong"]) == (1, [DEAF]), result


async def test_one_that_is_deaf_and_silent_is_found_out(house: House, tmp_path: Path) -> None:
    async with simulated(house, "silent", speech(tmp_path, 1.0)):
        code, result = await called(house)
    assert code == 1
    assert ["only silence came" in line for line in result["wrong"]] == [True], result
    assert result["received"] > 100, "silence in packets"


async def test_one_that_sends_our_own_speech_back_has_not_answered(house: House, tmp_path: Path) -> None:
    async with simulated(house, "echoes", speech(tmp_path, 1.0)):
        code, result = await called(house)
    assert code == 1
    assert ["sends our own speech back" in line for line in result["wrong"]] == [True], result
    assert result["echo"] is True
    assert result["unclear"] == []


class Lossy(RtpPeer):
    """Of so many packets of audio the last ones are numbered, and never leave."""

    every, gone = 1, 0

    def _send(self, payload_type: int, payload: bytes, timestamp: int, *, marker: bool) -> None:
        if payload_type == PCMU and self._sequence % self.every >= self.every - self.gone:
            self._sequence += 1
            return
        super()._send(payload_type, payload, timestamp, marker=marker)


def by_hand(percent: float) -> float:
    """MOS at so much loss and no delay to speak of: ITU-T G.107, with Bpl 25.1 of G.113; Annex B."""
    rating = 93.2 - 95 * percent / (percent + 25.1)
    return 1 + 0.035 * rating + rating * (rating - 60) * (100 - rating) * 7e-6


@pytest.mark.parametrize(
    ("pattern", "mos", "faults"),
    [  # of so many packets so many are lost
        ((100, 1), 4.33, 0),
        ((20, 1), 3.92, 1),
        ((4, 2), 1.61, 2),
    ],
)
async def test_what_is_lost_is_counted_and_the_mos_is_what_the_e_model_says(
    house: House, pattern: tuple[int, int], mos: float, faults: int
) -> None:
    async with Lossy(free_rtp_port(), address=VOICE_AGENT) as mouth:
        mouth.every, mouth.gone = every, gone = pattern
        async with bot(house, mouth=mouth):
            _, result = await called(house)
    whole = result["lost"] + result["received"]
    assert abs(result["lost"] - whole * gone / every) <= 2, result
    useless = result["lost"] + result["discarded"]  # on a busy machine some come too late
    assert result["mos"] == pytest.approx(by_hand(100 * useless / whole), abs=0.06), result
    assert by_hand(100 * gone / every) == pytest.approx(mos, abs=0.01)
    told = [
        f"{result['lost'] / whole:.1%} of its audio was lost on the way",
        f"the audio is bad: MOS {result['mos']:.1f}",
    ]
    assert [line for line in told[:faults] if line not in result["wrong"]] == [], result
    assert result["response_gap"] is not None, "the rest was heard"
