# SPDX-License-Identifier: GPL-3.0-or-later
"""SIPp's statistics files, read as they grow."""

from __future__ import annotations

from pathlib import Path

from agent.load.counts import Counts, ResponseTimes, StatisticsFile

HEAD = (
    "StartTime;TotalCallCreated;CurrentCall;SuccessfulCall(C);FailedCall(C);FailedUnexpectedMessage(C);"
    "FailedMaxUDPRetrans(C);Retransmissions(C);\n"
)


def test_the_newest_whole_line_counts(tmp_path: Path) -> None:
    path = tmp_path / "statistics.csv"
    file = StatisticsFile(path)
    assert file.read() == Counts()
    path.write_text(HEAD + "x;10;3;6;1;1;0;2;\nx;20;3;1")
    counts = file.read()
    assert (counts.begun, counts.up, counts.done, counts.failed, counts.retransmissions) == (10, 3, 6, 1, 2)
    assert dict(counts.reasons) == {"another message came than the scenario waits for": 1}
    with path.open("a") as more:
        more.write("5;2;0;2;4;\n")
    counts = file.read()
    assert (counts.begun, counts.done, counts.failed, counts.retransmissions) == (20, 15, 2, 4)
    assert list(counts.reasons.values()) == [2]


def test_response_times_are_those_of_the_set_up_each_read_once(tmp_path: Path) -> None:
    times = ResponseTimes(tmp_path)
    assert times.read() == 0
    path = tmp_path / "scenario_1_rtt.csv"
    path.write_text("Date_ms;response_time_ms;rtd_no\n100.5;12;1\n150;3;2\n200;1")
    assert times.read() == 0
    assert (list(times.when), list(times.waited)) == ([0.1005], [0.012])
    with path.open("a") as more:
        more.write("4;1\nrubbish\n")
    assert times.read() == 1
    assert list(times.waited) == [0.012, 0.014]
