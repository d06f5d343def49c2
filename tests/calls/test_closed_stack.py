# SPDX-License-Identifier: GPL-3.0-or-later
"""What comes late at the end (a reload, a call's timer) meets a stack that says no, and no crash."""

from __future__ import annotations

import os
import subprocess
import sys
import wave
from pathlib import Path

import pytest

from tests.calls.harness.ports import free_port, free_range
from tests.http.harness.certificates import new_pair

pytestmark = pytest.mark.calls

LEGS = ("dialled", "answered", "ringing")
ENDED, LEG_ENDED = "refused: the SIP stack has ended", "refused: the leg has ended"
OF_STACK = {"dial": ENDED, "probe": ENDED, "renew_certificates": "fine: 'the SIP stack has ended'"}
OF_LEG = {
    "refer": LEG_ENDED,
    "heeds": LEG_ENDED,
    "record": ENDED,
    "answer": "fine: False",
    "level": "fine: 0",
}
VERBS = {"close", "apply", "let_in", "comfort", "legs_alive", "native_calls", *OF_STACK}
VERBS_OF_LEG = {"hang_up", "notify", "inform", "send_dtmf", "ring", "measure", "hear", "give_up", *OF_LEG}


def test_a_stack_that_has_ended_and_its_legs_refuse_or_do_nothing(tmp_path: Path) -> None:
    """All of it in a process of its own: pjsip can't be started twice."""
    pair, wav = new_pair(tmp_path), tmp_path / "silence.wav"
    with wave.open(str(wav), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(1600))
    low, high = free_range(40)
    files = (str(pair.certificate), str(pair.private_key), str(wav))
    program = (sys.executable, "-m", "tests.calls.harness.closed_stack")
    asked = subprocess.run(
        [*program, str(free_port()), str(free_port()), f"{low}-{high}", *files],
        env={**os.environ, "PYTHONPATH": os.environ.get("HANDOFF_PJSUA2", "")},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert (asked.returncode, asked.stderr) == (0, ""), asked.stdout + asked.stderr
    told = dict(line.split(": ", 1) for line in asked.stdout.splitlines())
    assert not {name: what for name, what in told.items() if "BROKE" in what}
    legs = {f"{verb} of the leg that was {leg}" for verb in VERBS_OF_LEG for leg in LEGS}
    assert told.keys() >= VERBS | legs
    said = OF_STACK | {f"{verb} of the leg that was {leg}": OF_LEG[verb] for verb in OF_LEG for leg in LEGS}
    assert {name: told[name] for name in said} == said
