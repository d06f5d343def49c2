# SPDX-License-Identifier: GPL-3.0-or-later
"""INVITEs that leave it open what is meant are refused (RFC 3261 sections 7.3.1 and 8.1.1.8)."""

from __future__ import annotations

import pytest

from agent.core.headers import parse
from agent.core.soundness import unsound

SOUND = (
    "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1",
    "Via: SIP/2.0/UDP 192.0.2.2:5060;branch=z9hG4bK2",
    "From: <sip:a@peer>;tag=1",
    "To: <sip:b@edge>",
    "Call-ID: 1@peer",
    "CSeq: 1 INVITE",
    "Max-Forwards: 70",
    "Contact: <sip:a@192.0.2.1>",
    "Content-Type: application/sdp",
    "Content-Length: 0",
)


def said(*headers: str) -> str | None:
    return unsound(parse("\r\n".join(("INVITE sip:b@edge SIP/2.0", *headers)) + "\r\n\r\n"))


def test_a_sound_one_is_taken() -> None:
    assert said(*SOUND) is None


@pytest.mark.parametrize(
    ("again", "name"),
    [
        ("From: <sip:c@peer>;tag=1", "From"),
        ("f: <sip:c@peer>;tag=1", "From"),
        ("To: <sip:c@edge>", "To"),
        ("i: 2@peer", "Call-ID"),
        ("CSeq: 2 INVITE", "CSeq"),
        ("Max-Forwards: 69", "Max-Forwards"),
        ("m: <sip:c@192.0.2.1>", "Contact"),
        ("c: text/plain", "Content-Type"),
        ("l: 0", "Content-Length"),
    ],
)
def test_a_header_that_may_stand_once_and_stands_twice_is_refused(again: str, name: str) -> None:
    assert said(*SOUND, again) == f"the header {name} stands more than once"


@pytest.mark.parametrize("more", ["Supported: timer", "Allow: INVITE", "X-Contact: 1", "Route: <sip:e;lr>"])
def test_others_may_stand_twice(more: str) -> None:
    assert said(*SOUND, more, more) is None


@pytest.mark.parametrize(
    ("contact", "one"),
    [
        ('"Jo, Mo" <sip:a@192.0.2.1;x=1,2>', True),
        ("<sip:a@192.0.2.1>, <sip:b@192.0.2.1>", False),
        ("sip:a@192.0.2.1,sip:b@192.0.2.1", False),
    ],
)
def test_a_contact_names_one_address(contact: str, one: bool) -> None:  # noqa: FBT001 - a column of the table
    wanted = None if one else "the header Contact names more than one address"
    assert said(f"Contact: {contact}") == wanted
