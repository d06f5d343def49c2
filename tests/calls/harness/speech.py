# SPDX-License-Identifier: GPL-3.0-or-later
"""Real speech for a voice agent's RTP, and where in it the voice is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from agent.simulators.g711 import FRAME
from tests.calls.harness.rtp import VOICE, loudest

_MAKER = Path(__file__).parents[3] / "sip_scenarios" / "media" / "make_speech.py"


def speech(folder: Path, text: str) -> bytes:
    """Samples of spoken text, u-law at 8000 Hz, without the silence before and after."""
    subprocess.run([sys.executable, str(_MAKER), str(folder), text], check=True)
    wav = (folder / "speech.wav").read_bytes()
    samples = wav[wav.index(b"data") + 8 :]
    starts = range(0, len(samples), FRAME)
    voiced = [start for start in starts if loudest(samples[start : start + FRAME]) > VOICE]
    assert voiced, "no speech was made: are sox and espeak-ng installed?"
    return samples[voiced[0] : voiced[-1] + FRAME]
