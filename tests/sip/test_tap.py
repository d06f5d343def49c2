# SPDX-License-Identifier: GPL-3.0-or-later
"""RTP and RTCP of a leg that is tapped."""

from __future__ import annotations

import struct
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from agent.sip import tap
from agent.sip.tap import TappedPacket
from tests.calls.harness.ports import free_port

V4, V6 = "192.0.2.1", "2001:db8::1"


@pytest.mark.parametrize("way", ["relay", "mix", "comfort", "srtp"])
def test_every_packet_of_a_tapped_leg_is_copied_and_none_of_another(way: str) -> None:
    child = subprocess.run(
        [sys.executable, "-m", "tests.sip.tapping", way, str(free_port())],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert child.returncode == 0, child.stderr


def test_packets_are_read_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    v4, v6 = bytes([192, 0, 2, 1]) + bytes(12), bytes.fromhex("20010db8") + bytes(11) + b"\1"
    copied = struct.pack("=QIHBx16sH16sH", 5, 7, 3, 1, v4, 4000, v4, 5000) + b"one"
    copied += struct.pack("=QIHBx16sH16sH", 6, 8, 0, 2 | 4, v6, 4001, v6, 5001)
    monkeypatch.setattr(tap, "pjsua2", SimpleNamespace(handoff_tap_take=lambda: copied))
    assert tap.take() == [
        TappedPacket(7, 5, sent=True, rtcp=False, ours=(V4, 4000), theirs=(V4, 5000), data=b"one"),
        TappedPacket(8, 6, sent=False, rtcp=True, ours=(V6, 4001), theirs=(V6, 5001), data=b""),
    ]
