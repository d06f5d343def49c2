# SPDX-License-Identifier: GPL-3.0-or-later
"""SIPp's error log, told in words."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.load.words import in_words, troubles

UNEXPECTED = "Aborting call on unexpected message for Call-Id "


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (
            UNEXPECTED
            + "'1-7@h': while expecting '200' (index 4), received 'SIP/2.0 503 Service Unavailable",
            "the answer was 503 Service Unavailable",
        ),
        (
            UNEXPECTED + "'9-7@h': while pausing (index 6), received 'BYE sip:caller@127.0.0.1:5061 SIP/2.0",
            "BYE came during a pause",
        ),
        (
            "Aborting call on UDP retransmission timeout for Call-ID '3-77@127.0.0.1'.",
            "a message was sent again and again and nobody answered it",
        ),
        ("Overload warning: the major watchdog timer 1000ms has been tripped", "SIPp itself was late"),
        ("Something of call-id '5-1@h' took 17 ms at 10.0.0.1:99", "Something of a call took … ms at …"),
    ],
)
def test_a_line_is_told_in_words_that_are_the_same_for_its_kind(line: str, says: str) -> None:
    assert in_words(line).startswith(says)


def test_kinds_are_counted_the_most_frequent_first(tmp_path: Path) -> None:
    stamp = "2031-05-04\t10:00:00.000000\t1936000000.000000: "
    refused = (
        "Aborting call on unexpected message for Call-Id '{}-7@h': while expecting '200' (index 4), received "
        "'SIP/2.0 486 Busy Here\r\nVia: x\r\n\r\n'."
    )
    lines = [stamp + refused.format(number) for number in range(3)]
    log = tmp_path / "errors.log"
    log.write_text("The following events occurred:\n" + "\n".join([*lines, stamp + "Dead call 9"]) + "\n")
    assert [(one.says, one.times) for one in troubles(log)] == [
        ("the answer was 486 Busy Here", 3),
        ("a message came for a call that was over", 1),
    ]


def test_no_log_is_no_trouble(tmp_path: Path) -> None:
    assert troubles(tmp_path / "errors.log") == ()
