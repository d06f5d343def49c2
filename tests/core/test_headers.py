# SPDX-License-Identifier: GPL-3.0-or-later
"""SIP messages are read as they came, and nothing in them can write a header of ours."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.headers import RESERVED, parse, user_part, writable

INVITE = "INVITE sip:9995550100@edge SIP/2.0\r\n"


def test_a_request_is_taken_apart() -> None:
    message = parse(INVITE + "Via: SIP/2.0/UDP a\r\nVia: SIP/2.0/UDP b\r\nX-A:  1 \r\n\r\nv=0\r\n\r\nrest")
    assert (message.method, message.request_uri) == ("INVITE", "sip:9995550100@edge")
    assert message.all("VIA") == ("SIP/2.0/UDP a", "SIP/2.0/UDP b")
    assert message.first("x-a") == "1"
    assert message.body == "v=0\r\n\r\nrest"


def test_a_response_has_neither_method_nor_request_uri() -> None:
    message = parse("SIP/2.0 200 OK\r\n\r\n")
    assert (message.method, message.request_uri) == ("", "")


def test_an_absent_header_is_the_empty_text() -> None:
    assert parse(INVITE).first("X-A") == ""
    assert parse(INVITE).all("X-A") == ()


@pytest.mark.parametrize("fold", ["\r\n ", "\r\n\t", "\r\n  \t ", "\n "])
def test_a_folded_line_is_one_value(fold: str) -> None:
    assert parse(f"{INVITE}Subject: one{fold}two\r\nX-A: 1\r\n\r\n").first("subject") == "one two"


@pytest.mark.parametrize(
    ("compact", "full"),
    [
        ("a", "Accept-Contact"),
        ("b", "Referred-By"),
        ("c", "Content-Type"),
        ("d", "Request-Disposition"),
        ("e", "Content-Encoding"),
        ("f", "From"),
        ("i", "Call-ID"),
        ("j", "Reject-Contact"),
        ("k", "Supported"),
        ("l", "Content-Length"),
        ("m", "Contact"),
        ("n", "Identity-Info"),
        ("o", "Event"),
        ("r", "Refer-To"),
        ("s", "Subject"),
        ("t", "To"),
        ("u", "Allow-Events"),
        ("v", "Via"),
        ("x", "Session-Expires"),
        ("y", "Identity"),
    ],
)
def test_a_compact_name_is_the_header_itself(compact: str, full: str) -> None:
    for name in (compact, compact.upper(), f"{compact} "):
        assert parse(f"{INVITE}{name}: value\r\n\r\n").first(full) == "value"


def test_both_forms_of_a_header_stand_together_in_order() -> None:
    message = parse(f"{INVITE}v: one\r\nVia: two\r\nV: three\r\n\r\n")
    assert message.all("via") == ("one", "two", "three")


def test_what_is_no_header_is_left_out() -> None:
    message = parse(f"{INVITE}garbage\r\n: no name\r\nX-A\r\nX-B: 2:3\r\n\r\n")
    assert message.headers == (("x-b", "2:3"),)


def test_no_more_than_two_hundred_headers_are_read() -> None:
    assert len(parse(INVITE + "X-A: 1\r\n" * 500).headers) == 200


def test_a_header_behind_the_empty_line_is_body() -> None:
    assert parse(f"{INVITE}\r\nX-Token: stolen\r\n").first("x-token") == ""


def test_bytes_that_are_no_utf_8_become_replacement_characters_that_logs_can_hold() -> None:
    raw = b"X-A: caf\xe9 \xff\r\n\r\n\xfe".decode("utf-8", "surrogateescape")
    message = parse(INVITE + raw)
    assert message.first("x-a") == "caf\ufffd \ufffd"
    json.dumps(message.first("x-a")).encode()
    assert message.body == "\ufffd"


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_nothing_that_comes_in_makes_the_reader_raise(text: str) -> None:
    message = parse(text)
    assert (message.method, message.request_uri) is not None
    assert all(name == name.lower() and value == value.strip() for name, value in message.headers)


@given(st.binary())
def test_nor_do_bytes_of_any_kind(data: bytes) -> None:
    parse(data.decode("utf-8", "surrogateescape")).start_line.encode()


@pytest.mark.parametrize(
    ("uri", "user"),
    [
        ("sip:100@edge", "100"),
        ("SIPS:100@edge:5061;transport=tls", "100"),
        ("sip:+1999;npdi;rn=+1555@edge;user=phone", "+1999"),
        ("sip:100:secret@edge", "100"),
        ("tel:+1-999-555-0100;phone-context=x", "+1-999-555-0100"),
        ("<sip:100@edge>;tag=1", "100"),
        ("Jo <sip:100@edge>", "100"),
        ('"sip:911@evil" <sip:100@edge>', "100"),
        ('"a \\" <sip:911@evil>" <sip:100@edge>', "100"),
        ("sip:911@evil <sip:100@edge>", "100"),
        ('"Jo <sip:911@evil>', ""),
        ('"Jo\\', ""),
        ("<sip:100;x=sip:911@evil>", "100"),
        ("sip:edge", ""),
        ("sip:@edge", ""),
        ("mailto:100@edge", ""),
        ("100", ""),
        ("", ""),
    ],
)
def test_the_user_part_is_that_of_the_address_and_of_nothing_beside_it(uri: str, user: str) -> None:
    assert user_part(uri) == user


@pytest.mark.parametrize("hostile", ['"\\' * 150_000, "sip:" * 75_000, "<" * 300_000, 'a:"' * 100_000])
def test_an_address_of_any_length_is_read_in_time_that_grows_with_it_alone(hostile: str) -> None:
    # Were it the square of the length, this would take minutes: the test's own time limit ends it.
    assert user_part(hostile) == ""


@pytest.mark.parametrize("value", ["", "plain", "caf\u00e9", "tab\there", '"quoted"; a=b'])
def test_a_plain_value_may_be_written(value: str) -> None:
    assert writable("X-Contact-Id", value)


@pytest.mark.parametrize("value", ["a\r\nX-B: 1", "a\nX-B: 1", "a\rb", "a\0b", "\x7f", "caf\ufffd"])
def test_a_value_that_could_begin_a_line_or_was_broken_is_not_written(value: str) -> None:
    assert not writable("X-A", value)


@pytest.mark.parametrize("name", ["", "X A", "X:A", "X\r\nB", "Ü", *sorted(RESERVED), "VIA", "Call-Id"])
def test_a_name_that_is_none_or_belongs_to_the_dialog_is_not_written(name: str) -> None:
    assert not writable(name, "1")


def test_a_challenge_may_be_written() -> None:
    assert writable("WWW-Authenticate", 'Digest realm="edge", nonce="1.ab", algorithm=MD5, qop="auth"')
