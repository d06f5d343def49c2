# SPDX-License-Identifier: GPL-3.0-or-later
"""What no capture and no Homer gets, and that all else stays as it was."""

from __future__ import annotations

import struct

import pytest

from agent.telemetry.withheld import NO_EVENT, message, rtp

TOKENS = frozenset({"x-polyai-auth-token"})


def sip(*headers: str, body: str = "") -> bytes:
    return "\r\n".join(("INVITE sip:9995550100@edge SIP/2.0", *headers, "", body)).encode()


def packet(payload: bytes, kind: int = 101, *, sources: int = 0, extension: bytes | None = None) -> bytes:
    first = 0x80 | sources | (0x10 if extension is not None else 0)
    more = b"" if extension is None else struct.pack("!HH", 0xBEDE, len(extension) // 4) + extension
    return struct.pack("!BBHII", first, kind, 7, 160, 1) + b"\1\2\3\4" * sources + more + payload


@pytest.mark.parametrize(
    "secret",
    [
        'Authorization: Digest username="edge", response="0123456789abcdef"',
        "proxy-AUTHORIZATION : Basic c2VjcmV0",
        "Identity: eyJhbGciOiJFUzI1NiJ9;info=<https://c>",
        "y: eyJhbGciOiJFUzI1NiJ9",
        "X-PolyAi-Auth-Token: let-me-in",
        "X-PolyAi-Auth-Token:\r\n let-me\r\n\t-in",
    ],
)
def test_credentials_and_tokens_are_not_in_it_and_nothing_else_changes(secret: str) -> None:
    before, after = "Call-ID: a-1", "Content-Length: 0"
    said = sip(before, secret, after)
    told = message(said, TOKENS, digits=False)
    name = secret.partition(":")[0]
    value = secret.partition(":")[2]
    stars = "".join("*" if letter.strip() else letter for letter in value)
    assert told == sip(before, f"{name}:{stars}", after)
    assert len(told) == len(said)


def test_a_message_without_a_secret_is_the_very_same() -> None:
    said = sip(
        "Call-ID: authorization: no", "X-Y: identity", "WWW-Authenticate: Digest", body="authorization: x"
    )
    assert message(said, TOKENS, digits=True) is said


def test_digits_by_info_are_withheld_and_how_long_they_were_is_not() -> None:
    relayed = sip("Content-Type: application/dtmf-relay", body="Signal=5\r\nDuration=160\r\n")
    assert message(relayed, (), digits=True).endswith(b"\r\n\r\nSignal=*\r\nDuration=160\r\n")
    assert message(relayed, (), digits=False) is relayed
    bare = sip("c:application/dtmf", body="5")
    assert message(bare, (), digits=True) == sip("c:application/dtmf", body="*")
    other = sip("Content-Type: application/json", body='{"destination": "signal=5"}')
    assert message(other, (), digits=True) is other


@pytest.mark.parametrize(
    "kind",
    [
        "application/vnd.nortelnetworks.digits",
        "Application/KPML-Response+xml",
        "\r\n application/dtmf-relay",
        "\r\n\tapplication/dtmf",
    ],
)
def test_digits_are_withheld_in_whatever_type_of_body_they_come(kind: str) -> None:
    said = sip(f"Content-Type: {kind}", body='p=Digit-Collection\r\nd=5\r\ndigits="5"')
    told = message(said, (), digits=True)
    assert len(told) == len(said)
    assert b"5" not in told.partition(b"\r\n\r\n")[2]


def test_digits_are_withheld_in_a_part_of_a_body() -> None:
    parts = "--x\r\nContent-Type: {}\r\n\r\nSignal=5\r\n--x--\r\n"
    said = sip("Content-Type: multipart/mixed;boundary=x", body=parts.format("application/dtmf-relay"))
    assert message(said, (), digits=True) == said.replace(b"Signal=5", b"Signal=*")
    other = sip("Content-Type: multipart/mixed;boundary=x", body=parts.format("text/plain"))
    assert message(other, (), digits=True) is other


def test_a_padded_event_is_withheld_too() -> None:
    said = bytearray(packet(b"\5\x8a\x03\x20\0\0\0\4"))
    said[0] |= 0x20
    told = rtp(bytes(said))
    assert told[12] == NO_EVENT
    assert told[:12] + told[13:] == bytes(said[:12] + said[13:])
    for padding in (0, 9, 255):  # more or less than there can be: no event
        said[-1] = padding
        assert rtp(bytes(said)) == bytes(said)


@pytest.mark.parametrize("event", [0, 5, 11, 15])
@pytest.mark.parametrize("sources", [0, 2])
@pytest.mark.parametrize("extension", [None, b"", b"\1\2\3\4" * 2])
def test_which_key_an_event_tells_of_is_withheld(event: int, sources: int, extension: bytes | None) -> None:
    rest = b"\x8a\x03\x20"
    said = packet(bytes((event,)) + rest, sources=sources, extension=extension)
    assert rtp(said) == packet(bytes((NO_EVENT,)) + rest, sources=sources, extension=extension)


@pytest.mark.parametrize(
    "data",
    [
        packet(b"x" * 160, 0),
        packet(b"\5\x8a\x03\x20", 0),
        packet(b"x" * 40, 111),
        packet(b"\x40\x8a\x03\x20"),
        packet(b"\5\x8a\x03\x20\0"),
        packet(b"", extension=b"")[:14],
        b"",
        b"\x80",
        b"\0" * 40,
    ],
)
def test_audio_and_what_is_no_rtp_stay_as_they_are(data: bytes) -> None:
    assert rtp(data) is data


def test_a_message_that_is_made_to_be_slow_is_done_with_all_the_same() -> None:
    """Twenty thousand times what begins like a header: time that grew with its square would be minutes."""
    for letter in ("a:", "\r\n ", "signal=", "authorization:"):
        data = sip("Content-Type: application/dtmf-relay", letter * 20_000, body=letter * 20_000)
        assert len(message(data, TOKENS, digits=True)) == len(data)
