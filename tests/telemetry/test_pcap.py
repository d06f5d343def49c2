# SPDX-License-Identifier: GPL-3.0-or-later
"""Datagrams in a pcap file: as the kernel would have put them on the wire, and as tshark reads them."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.simulators.wiretap import taken_apart
from agent.telemetry.pcap import HEADER, Datagram, packet, pcap

MESSAGE = (
    b"OPTIONS sip:edge@10.0.0.1 SIP/2.0\r\nCall-ID: one@peer\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
)
PEER, US = ("10.0.0.5", 5070), ("10.0.0.1", 5060)
_RECORD = struct.Struct("<IIII")


def apart(written: bytes) -> tuple[float, int, bytes]:
    """The time, the length on the wire and the IP packet of one packet of a file."""
    seconds, micro, kept, whole = _RECORD.unpack_from(written)
    assert len(written) == _RECORD.size + kept
    return seconds + micro / 1_000_000, whole, written[_RECORD.size :]


def checksum(data: bytes) -> int:
    """What the words add up to: 0xFFFF where a checksum among them holds."""
    data += b"\0" * (len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def test_a_file_is_its_header_and_its_packets() -> None:
    first, second = Datagram(1_000_001, PEER, US, MESSAGE), Datagram(2_000_000, US, PEER, b"x")
    assert pcap([first, second]) == HEADER + packet(first) + packet(second)
    magic, major, minor, _, _, longest, link = struct.unpack("<IHHiIII", HEADER)
    assert (magic, major, minor, longest, link) == (0xA1B2C3D4, 2, 4, 262144, 101)


def test_a_datagram_comes_out_as_it_went_in() -> None:
    when, whole, ip = apart(packet(Datagram(1893456000_250001, PEER, US, MESSAGE)))
    assert (when, whole) == (1893456000.250001, len(ip))
    found = taken_apart(ip, when)
    assert found is not None
    assert (found.source, found.target, found.payload) == (PEER, US, MESSAGE)
    assert checksum(ip[:20]) == 0xFFFF


@given(st.binary(max_size=200))
def test_ipv6_has_a_checksum_that_holds(payload: bytes) -> None:
    _, _, ip = apart(packet(Datagram(0, ("[2001:db8::1]", 5060), ("fe80::1%eth0", 5070), payload)))
    assert (ip[0] >> 4, ip[6], int.from_bytes(ip[4:6], "big")) == (6, 17, 8 + len(payload))
    pseudo = ip[8:40] + struct.pack("!II", 8 + len(payload), 17)
    assert checksum(pseudo + ip[40:]) == 0xFFFF
    assert ip[48:] == payload


def test_an_ipv4_address_that_ipv6_wraps_is_ipv4() -> None:
    _, _, ip = apart(packet(Datagram(0, ("::ffff:10.0.0.5", 5070), US, b"x")))
    assert ip[0] >> 4 == 4


def test_two_families_meet_in_ipv6() -> None:
    _, _, ip = apart(packet(Datagram(0, PEER, ("2001:db8::1", 5060), b"x")))
    assert ip[0] >> 4 == 6
    assert ip[8:24] == b"\0" * 10 + b"\xff\xff" + bytes([10, 0, 0, 5])


def test_what_is_no_address_is_nowhere() -> None:
    _, _, ip = apart(packet(Datagram(0, ("queue.example", 0), US, b"x")))
    assert ip[12:16] == b"\0" * 4


@pytest.mark.parametrize("target", [US, ("2001:db8::1", 5060)])
def test_of_what_no_datagram_carries_the_beginning_is_kept(target: tuple[str, int]) -> None:
    _, whole, ip = apart(packet(Datagram(0, PEER, target, b"x" * 70_000)))
    assert len(ip) <= 65_535
    assert whole - len(ip) == 70_000 - 65_487


def test_tshark_reads_it_as_sip(tmp_path: Path) -> None:
    file = tmp_path / "call.pcap"
    answer = MESSAGE.replace(b"OPTIONS sip:edge@10.0.0.1 SIP/2.0", b"SIP/2.0 200 OK")
    six = (("2001:db8::5", 5071), ("2001:db8::1", 5061))
    file.write_bytes(
        pcap(
            [
                Datagram(1893456000_000000, PEER, US, MESSAGE),
                Datagram(1893456000_250000, US, PEER, answer),
                Datagram(1893456001_000000, *six, MESSAGE),
            ]
        )
    )
    fields = (
        "frame.time_epoch",
        "udp.srcport",
        "sip.Method",
        "sip.Status-Code",
        "sip.Call-ID",
        "_ws.malformed",
    )
    done = subprocess.run(
        ["tshark", "-r", str(file), "-o", "udp.check_checksum:TRUE", "-T", "fields", "-E", "separator=,"]
        + [part for field in fields for part in ("-e", field)],
        capture_output=True,
        text=True,
        check=True,
        timeout=240,
    )
    assert done.stdout.splitlines() == [
        "1893456000.000000000,5070,OPTIONS,,one@peer,",
        "1893456000.250000000,5060,,200,one@peer,",
        "1893456001.000000000,5071,OPTIONS,,one@peer,",
    ]
