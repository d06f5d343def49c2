# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked of a SIP message on the wire."""

from __future__ import annotations

import pytest

from agent.simulators.messages import read

SDP = "v=0\r\nc=IN IP4 10.0.0.9\r\nm=audio 6000 RTP/AVP 0\r\n"


def message(start: str, cseq: str = "1 INVITE", body: str = "") -> bytes:
    return f"{start}\r\nCSeq: {cseq}\r\n\r\n{body}".encode()


@pytest.mark.parametrize(
    ("start", "status", "method", "answers", "label"),
    [
        ("INVITE sip:1@h SIP/2.0", 0, "INVITE", "", "INVITE"),
        ("SIP/2.0 486 Busy Here", 486, "", "INVITE", "486 INVITE"),
        ("SIP/2.0 200", 200, "", "INVITE", "200 INVITE"),
    ],
)
def test_requests_and_responses_are_told_apart(
    start: str, status: int, method: str, answers: str, label: str
) -> None:
    seen = read(message(start))
    assert (seen.status, seen.method, seen.answers, seen.label) == (status, method, answers, label)


@pytest.mark.parametrize(
    "data", [b"", b"\r\n\r\n", b"SIP/2.0", b"SIP/2.0 abc", "SIP/2.0 \u00b2\r\n".encode()]
)
def test_what_is_no_message_has_no_status(data: bytes) -> None:
    assert (read(data).status, read(data).answers) == (0, "")


def test_the_place_of_the_audio_is_in_the_body() -> None:
    assert read(message("INVITE sip:1@h SIP/2.0", body=SDP)).audio == ("10.0.0.9", 6000)
    assert read(message("BYE sip:1@h SIP/2.0", "2 BYE")).audio is None
