# SPDX-License-Identifier: GPL-3.0-or-later
"""The harness itself: an ear that hears nothing, or a log that is read wrong, would let every test pass."""

from __future__ import annotations

import os
import socket
import subprocess
from dataclasses import replace
from itertools import accumulate
from pathlib import Path

import pytest

from agent.simulators.g711 import FRAME
from agent.simulators.rtp import PCMU, Packet
from tests.calls.harness.cxone import Cxone
from tests.calls.harness.door import Door
from tests.calls.harness.gaps import continuity
from tests.calls.harness.house import House, new_contact
from tests.calls.harness.messages import labels, once, read_messages
from tests.calls.harness.metrics import parse, total
from tests.calls.harness.plan import SECRETS, Plan
from tests.calls.harness.ports import free_port, free_rtp_port, is_bound
from tests.calls.harness.processes import COMMAND
from tests.calls.harness.rtp import SILENCE, RtpPeer
from tests.calls.harness.sip_socket import SipSocket
from tests.calls.harness.torture import MESSAGES, read
from tests.calls.harness.waiting import eventually

pytestmark = pytest.mark.calls


async def test_an_rtp_peer_hears_the_tone_that_is_sent_and_no_other() -> None:
    async with RtpPeer(free_rtp_port(), 440) as one, RtpPeer(free_rtp_port(), 1000) as other:
        one.speak_to(other.port)
        await eventually(lambda: other.hears(440, 10), what="440 Hz")
        assert not other.hears(1000, 10)
        assert not other.silent(10)
        assert not one.packets


def _packets(*steps: float, silent: range = range(0)) -> list[Packet]:
    """Packets at these distances in seconds, numbered without a hole."""
    loud, quiet = bytes([0x10]) * FRAME, SILENCE
    times = accumulate(steps, initial=100.0)
    return [
        Packet(at, PCMU, False, n & 0xFFFF, n * FRAME, 7, quiet if n in silent else loud)  # noqa: FBT003
        for n, at in enumerate(times, 65530)
    ]


def test_a_stream_without_a_hole_is_continuous() -> None:
    whole = continuity(_packets(*[0.02] * 20), until=100.41)
    assert whole.longest == pytest.approx(0.02)
    assert (whole.packets, whole.lost, whole.leap, whole.mute) == (21, 0, 0, 0)


def test_each_kind_of_hole_in_a_stream_is_seen() -> None:
    late = continuity(_packets(0.02, 0.09, 0.02), until=100.14)
    assert late.longest == pytest.approx(0.09)
    assert late.when == pytest.approx(0.02)
    assert continuity(_packets(0.02, 0.02), until=100.5).longest == pytest.approx(0.46), "the end counts"
    packets = _packets(*[0.02] * 20, silent=range(65535, 65539))
    assert continuity(packets, until=100.4).mute == pytest.approx(0.08)
    assert continuity([*packets[:9], *packets[11:]], until=100.4).lost == 2
    ahead = [*packets[:9], *(replace(one, timestamp=one.timestamp + 800) for one in packets[9:])]
    assert continuity(ahead, until=100.4).leap == pytest.approx(0.1)


async def test_what_belongs_to_an_earlier_call_never_reaches_a_later_voice_agent() -> None:
    asked = [b"INVITE sip:a@b SIP/2.0\r\nCall-ID: %d\r\n\r\n" % number for number in range(2)]
    outside = free_port()
    async with SipSocket(outside) as agent, SipSocket(outside) as first, SipSocket(outside) as second:
        door = Door("127.0.0.1", outside, agent.port)
        with door.open(first.port):
            agent.send(asked[0])
            await eventually(lambda: first.got, what="the first call")
            first.send(b"SIP/2.0 100 Trying\r\n\r\n")
            await eventually(lambda: agent.statuses() == [100], what="its answer")
        with door.open(second.port):
            for data in (asked[0], asked[0].replace(b"INVITE", b"BYE"), asked[1]):
                agent.send(data)
            await eventually(lambda: second.got, what="the second call")
        await eventually(lambda: len(first.got) == 3, what="what belongs to the first call")
        assert second.got == [asked[1]]


def test_a_port_is_bound_by_the_process_that_has_it_and_by_no_other() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, socket.socket() as tcp:
        udp.bind(("127.0.0.1", 0))
        tcp.bind(("127.0.0.1", 0))
        assert is_bound(os.getpid(), udp.getsockname()[1])
        assert not is_bound(os.getppid(), udp.getsockname()[1])
        assert not is_bound(os.getpid(), tcp.getsockname()[1], tcp=True), "it does not listen yet"
        tcp.listen()
        assert is_bound(os.getpid(), tcp.getsockname()[1], tcp=True)


def test_a_message_log_is_read_as_it_is_written(tmp_path: Path) -> None:
    log = tmp_path / "messages.log"
    rule = b"----------------------------------------------- 2026-01-02 03:04:05.678901\n"
    answer = b"SIP/2.0 486 Busy Here\r\nf: <sip:a@b>;tag=1\r\nCSeq: 2 INVITE\r\nX-A: 1\r\nx-a: 2\r\n\r\n"
    log.write_bytes(rule + b"UDP message received [%d] bytes :\n\n" % len(answer) + answer + b"\n")
    (message,) = read_messages(log)
    assert labels([message]) == ["486 INVITE"]
    assert not message.sent
    assert message.header("From") == "<sip:a@b>;tag=1"
    assert message.all("X-A") == ("1", "2")
    assert once([message, message, replace(message, start_line="SIP/2.0 200 OK")])[1].status == 200


def test_metrics_are_summed_over_labels_not_asked_for() -> None:
    samples = parse(
        '# TYPE a counter\na_total{x="1",y="1"} 2\na_total{x="1",y="2"} 3\na_total{x="2",y="1"} 4\n'
    )
    assert total(samples, "a_total", x="1") == 5
    assert total(samples, "a_total", x="3") == 0


def test_the_plan_is_a_configuration_without_mistakes(cxone: Cxone, tmp_path: Path) -> None:
    house = House(Plan(cxone.port), cxone, tmp_path)
    checked = subprocess.run(
        [str(COMMAND), "check", "--config", str(house.config)],
        env=SECRETS,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_simulated_cxone_starts_without_signals(cxone: Cxone) -> None:
    assert cxone.signals(new_contact()) == []


async def test_each_torture_is_a_message_with_every_word_filled_in() -> None:
    paths = sorted(MESSAGES.glob("*.sip"))
    assert len(paths) > 40
    async with SipSocket(5060) as wire:
        for path in paths:
            torture = read(path)
            message = torture.message(wire, 5060, "a-call")
            assert torture.codes or torture.silence
            assert b"{" not in message.replace(b"*_+`.%", b""), path.stem
            assert message.count(b"\n") == message.count(b"\r\n"), path.stem
