# SPDX-License-Identifier: GPL-3.0-or-later
"""What is shown of a whole SIP message: no credential; no number, no word of a caller where masked."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.headers import parse
from agent.telemetry.concealing import Concealed

SDP = "v=0\r\no=+4930123456 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP 0\r\n"
INVITE = (
    "INVITE sip:9995550100@edge.example SIP/2.0\r\n"
    "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK123456789\r\n"
    'From: "030 123 456" <sip:+4930123456@carrier.example>;tag=123456\r\n'
    "t: <sip:9995550100@edge.example>\r\n"
    'P-Asserted-Identity: "A, 7" <sip:+4930123456@c.example>,\r\n +49301234 <tel:+4930123456>\r\n'
    "Call-ID: 384827629822@192.0.2.1\r\n"
    "CSeq: 1 INVITE\r\n"
    "X-PolyAi-Auth-Token: t0ken-of-a-project\r\n"
    "X-InContact-ContactId: 4711001122\r\n"
    "X-Customer: said what nobody should read\r\n"
    'Authorization: Digest username="edge", response="6629fae49393a053"\r\n'
    "Contact: <sip:+4930123456@192.0.2.1:5060;transport=udp>\r\n"
    "Content-Type: application/sdp\r\n"
    f"Content-Length: {len(SDP)}\r\n\r\n{SDP}"
).encode()
INFO = (
    b"INFO sip:edge@10.0.0.1 SIP/2.0\r\nCall-ID: a@b\r\nCSeq: 2 INFO\r\nc: application/json\r\n"
    b'Content-Length: 25\r\n\r\n{"reason": "wants money"}'
)
MASKED = Concealed(numbers=True, tokens={"x-polyai-auth-token"}, known={"4711001122"})
CLEAR = Concealed(numbers=False, tokens={"x-polyai-auth-token"})


def test_numbers_and_what_was_said_are_masked_and_the_rest_is_readable() -> None:
    shown = parse(MASKED.message(INVITE).decode())
    assert shown.start_line == "INVITE sip:********00@edge.example SIP/2.0"
    assert shown.first("from") == '"*** *** *56" <sip:+********56@carrier.example>;tag=123456'
    assert shown.first("to") == "<sip:********00@edge.example>"
    assert shown.first("p-asserted-identity") == (
        '"A, 7" <sip:+********56@c.example>, +******34 <tel:+********56>'
    )
    assert shown.first("contact") == "<sip:+********56@192.0.2.1:5060;transport=udp>"
    assert shown.first("x-incontact-contactid") == "4711001122"
    assert shown.first("x-customer") == "**** **** ****** ****** ****"
    assert shown.first("call-id") == "384827629822@192.0.2.1"
    assert shown.first("via").endswith("branch=z9hG4bK123456789")
    assert "o=+********56 1 1 IN IP4 192.0.2.1" in shown.body
    assert "m=audio 4000 RTP/AVP 0" in shown.body


@pytest.mark.parametrize("concealed", [MASKED, CLEAR])
def test_nobody_sees_credentials_and_tokens(concealed: Concealed) -> None:
    shown = concealed.message(INVITE)
    assert b"t0ken" not in shown
    assert b"6629fae" not in shown
    assert b"username" not in shown


def test_where_numbers_are_shown_all_else_is_as_it_was() -> None:
    hidden = (b"t0ken-of-a-project", b'Digest username="edge", response="6629fae49393a053"')
    wanted = INVITE
    for secret in hidden:
        wanted = wanted.replace(secret, bytes(c if c == 0x20 else 0x2A for c in secret))
    assert CLEAR.message(INVITE) == wanted


def test_a_body_that_is_no_sdp_is_what_a_caller_said() -> None:
    assert MASKED.message(INFO).endswith(b"\r\n\r\n********** ****** *******")
    assert CLEAR.message(INFO) == INFO


def test_the_answer_to_a_transfer_can_be_read() -> None:
    notify = b"NOTIFY sip:a@b SIP/2.0\r\nContent-Type: message/sipfrag;version=2.0\r\n\r\nSIP/2.0 200 OK\r\n"
    assert MASKED.message(notify).endswith(b"SIP/2.0 200 OK\r\n")


@given(st.binary(max_size=400))
def test_whatever_it_is_it_keeps_its_length(message: bytes) -> None:
    assert len(MASKED.message(message)) == len(message)


@pytest.mark.parametrize("said", ["sip:", '"', "<", "1", "<1>,", "tel:", "\r\n ", " "])
def test_what_a_peer_writes_by_the_ton_costs_no_more_than_its_length(said: str) -> None:
    """Squared it would be minutes; this is the guard of the run."""
    message = f"OPTIONS sip:a@b SIP/2.0\r\nFrom: {said * (60_000 // len(said))}\r\n\r\n".encode()
    assert len(MASKED.message(message)) == len(message)
