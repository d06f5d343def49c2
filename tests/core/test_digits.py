# SPDX-License-Identifier: GPL-3.0-or-later
"""DTMF digits in SIP INFO, in every spelling that public platforms use."""

from __future__ import annotations

import pytest

from agent.core.digits import LONGEST, SHORTEST, USUAL, Press, from_dtmf_info, is_dtmf, length

RELAY, PLAIN, NORTEL = "application/dtmf-relay", "application/dtmf", "application/vnd.nortelnetworks.digits"


@pytest.mark.parametrize(
    ("content_type", "body", "press"),
    [
        (RELAY, "Signal=5\r\nDuration=160", Press("5", 160)),
        (RELAY, "Signal= 5\r\nDuration= 250\r\n", Press("5", 250)),
        (RELAY, "Signal = 5\nDuration = 250\n", Press("5", 250)),
        (RELAY, "signal=a\r\nduration=100", Press("A", 100)),
        (RELAY, "Duration=300\r\nSignal=0", Press("0", 300)),
        (RELAY, "Signal=*\r\n", Press("*", USUAL)),
        (RELAY, "Signal=10\r\nDuration=160", Press("*", 160)),
        (RELAY, "Signal=11\r\nDuration=160", Press("#", 160)),
        (RELAY, "Signal=15\r\n", Press("D", USUAL)),
        (RELAY + ";charset=utf-8", "Signal=1\r\nDuration=160\r\n", Press("1", 160)),
        ("Application/DTMF-Relay", "Signal:7", Press("7", USUAL)),
        (PLAIN, "5", Press("5", USUAL)),
        (PLAIN, "#\r\n", Press("#", USUAL)),
        (PLAIN, "11", Press("#", USUAL)),
        (PLAIN + " ; x=y", "Signal=5\r\nDuration=160", Press("5", 160)),
        (NORTEL, "p=Digit-Collection\r\ny=Digits\r\ns=success\r\nd=5\r\n", Press("5", USUAL)),
        (RELAY, "Signal=3\r\nDuration=1", Press("3", SHORTEST)),
        (RELAY, "Signal=3\r\nDuration=99999", Press("3", LONGEST)),
        (RELAY, "Signal=3\r\nDuration=soon", Press("3", USUAL)),
    ],
)
def test_a_digit_is_read_however_it_is_spelt(content_type: str, body: str, press: Press) -> None:
    assert is_dtmf(content_type)
    assert from_dtmf_info(content_type, body) == press


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (RELAY, ""),
        (RELAY, "5"),
        (RELAY, "Signal=\r\nDuration=160"),
        (RELAY, "Signal=16"),
        (RELAY, "Signal=010"),
        (RELAY, "Signal=55"),
        (RELAY, "Signal=\u0665"),
        (PLAIN, "hello"),
        (PLAIN, "E"),
    ],
)
def test_what_tells_of_no_digit_is_none(content_type: str, body: str) -> None:
    assert from_dtmf_info(content_type, body) is None


@pytest.mark.parametrize("content_type", ["", "application/json", "text/plain", "application/dtmf-relayed"])
def test_other_bodies_are_not_ours(content_type: str) -> None:
    assert not is_dtmf(content_type)


def test_a_digit_lasts_as_long_as_it_was_pressed() -> None:
    assert [length(asked) for asked in (0, 1, 40, 1000, 5000, 60000)] == [USUAL, 40, 40, 1000, 5000, 5000]
