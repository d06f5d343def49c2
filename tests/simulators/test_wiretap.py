# SPDX-License-Identifier: GPL-3.0-or-later
"""Datagrams of the loopback interface, with the kernel's time."""

from __future__ import annotations

import asyncio
import socket
import struct
import time

import pytest

from agent.simulators import wiretap
from agent.simulators.wiretap import Datagram, Wiretap, taken_apart

UDP, TCP = 17, 6


def packet(protocol: int = UDP, *, options: int = 0, payload: bytes = b"hello") -> bytes:
    """An IPv4 header with so many words of options, and a UDP header with what it carries."""
    ip = bytes([0x45 + options]) + bytes(8) + bytes([protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2])
    ip += bytes(4 * options)
    return ip + struct.pack("!HHHH", 4000, 5060, 8 + len(payload), 0) + payload


@pytest.mark.parametrize("options", [0, 2])
def test_a_datagram_is_taken_out_of_its_packet(options: int) -> None:
    assert taken_apart(packet(options=options), 7.5) == Datagram(
        7.5, ("10.0.0.1", 4000), ("10.0.0.2", 5060), b"hello"
    )


@pytest.mark.parametrize("wrong", [packet(TCP), packet()[:19], packet()[:24], b""])
def test_what_is_no_datagram_is_none(wrong: bytes) -> None:
    assert taken_apart(wrong, 0.0) is None


async def test_a_datagram_is_reported_once_with_the_time_at_which_it_was_sent() -> None:
    seen: list[Datagram] = []
    arrived = asyncio.Event()
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver,
    ):
        receiver.bind(("127.0.0.1", 0))
        port = receiver.getsockname()[1]

        def report(datagram: Datagram) -> None:
            if datagram.target == ("127.0.0.1", port):
                seen.append(datagram)
                arrived.set()

        tap = Wiretap(report)
        tap.open()
        before = time.time()
        sender.sendto(b"hello", ("127.0.0.1", port))
        after = time.time()
        late = asyncio.get_running_loop().time() + 0.3
        while asyncio.get_running_loop().time() < late:  # a busy process: it reads late
            pass
        await arrived.wait()
        tap.close()
    assert [datagram.payload for datagram in seen] == [b"hello"]
    assert before <= seen[0].when <= after


async def test_closing_reports_what_has_passed() -> None:
    seen: list[bytes] = []
    tap = Wiretap(lambda datagram: seen.append(datagram.payload))
    tap.open()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"last words", ("127.0.0.1", 9))
    tap.close()
    assert b"last words" in seen


async def test_packets_that_could_not_be_read_in_time_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wiretap, "_BUFFER_BYTES", 1)
    seen: list[bytes] = []
    tap = Wiretap(lambda datagram: seen.append(datagram.payload))
    tap.open()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for _ in range(200):
            sender.sendto(b"much", ("127.0.0.1", 9))
    tap.close()
    assert tap.missed > 0
    assert seen.count(b"much") < 200


async def test_otherwise_none_is_missed() -> None:
    tap = Wiretap(lambda _: None)
    tap.open()
    tap.close()
    assert tap.missed == 0
