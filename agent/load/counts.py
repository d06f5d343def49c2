# SPDX-License-Identifier: GPL-3.0-or-later
"""What SIPp writes while it runs: its statistics file and its response times, read as they grow."""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

_COLUMNS: Final = 3
_SETUP: Final = "1"  # the number of the response time from INVITE to 200 in our scenarios

_FAILURES: Final[Mapping[str, str]] = {
    "CannotSendMessage": "a message could not be sent",
    "MaxUDPRetrans": "a message was sent again and again and never answered",
    "TcpConnect": "no TCP connection came up",
    "TcpClosed": "the TCP connection was closed",
    "UnexpectedMessage": "another message came than the scenario waits for",
    "CallRejected": "the scenario gave the call up",
    "CmdNotSent": "a command could not be sent",
    "RegexpDoesntMatch": "a message did not hold what the scenario looks for",
    "RegexpShouldntMatch": "a message held what the scenario forbids",
    "RegexpHdrNotFound": "a message lacked a header that the scenario looks for",
    "OutboundCongestion": "messages could not leave fast enough",
    "TimeoutOnRecv": "the message that the scenario waits for did not come in time",
    "TimeoutOnSend": "a message could not be sent in time",
    "TestDoesntMatch": "a check of the scenario did not hold",
    "TestShouldntMatch": "a check of the scenario held that should not",
    "StrcmpDoesntMatch": "two texts that the scenario compares differ",
    "StrcmpShouldntMatch": "two texts that the scenario compares are alike",
}


@dataclass(frozen=True, slots=True)
class Counts:
    """SIPp's own counts since its start.

    Attributes:
        begun: calls that it made or took.
        up: calls that are under way.
        done: calls that went by the scenario.
        reasons: failed calls by what failed, in words.
    """

    begun: int = 0
    up: int = 0
    done: int = 0
    failed: int = 0
    retransmissions: int = 0
    reasons: Mapping[str, int] = field(default_factory=dict)


class StatisticsFile:
    """SIPp's ``-trace_stat`` file, of which each line has everything since the start."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._names: list[str] = []
        self._offset = 0
        self._last = Counts()

    def read(self) -> Counts:
        """The newest counts; all zero before the first line is there."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._offset)
                grown = file.read()
        except FileNotFoundError:
            return self._last
        whole = grown[: grown.rfind(b"\n") + 1]
        self._offset += len(whole)
        for line in whole.decode(errors="replace").splitlines():
            cells = line.split(";")
            if not self._names:
                self._names = cells
            elif len(cells) > 1:
                self._last = _counts(dict(zip(self._names, cells, strict=False)))
        return self._last


def _counts(row: Mapping[str, str]) -> Counts:
    def number(name: str) -> int:
        text = row.get(name, "")
        return int(text) if text.isdigit() else 0

    reasons = {
        _FAILURES.get(name[len("Failed") : -len("(C)")], name[len("Failed") : -len("(C)")]): number(name)
        for name in row
        if name.startswith("Failed") and name.endswith("(C)") and name != "FailedCall(C)"
    }
    return Counts(
        begun=number("TotalCallCreated") or number("OutgoingCall(C)"),
        up=number("CurrentCall"),
        done=number("SuccessfulCall(C)"),
        failed=number("FailedCall(C)"),
        retransmissions=number("Retransmissions(C)"),
        reasons={words: count for words, count in reasons.items() if count},
    )


class ResponseTimes:
    """SIPp's ``-trace_rtt`` file: how long each caller waited from INVITE to 200.

    Attributes:
        when: when each 200 came, in seconds since SIPp's start, in the order in which they were written.
        waited: seconds that each waited; SIPp reads a clock that goes in ticks of 4 ms (HZ=250).
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path: Path | None = None
        self._offset = 0
        self.when: array[float] = array("d")
        self.waited: array[float] = array("d")

    def read(self) -> int:
        """Read on. Returns how many were known before."""
        known = len(self.waited)
        self._path = self._path or next(iter(self._folder.glob("*_rtt.csv")), None)
        if self._path is None:
            return known
        with self._path.open("rb") as file:
            file.seek(self._offset)
            grown = file.read()
        whole = grown[: grown.rfind(b"\n") + 1]
        self._offset += len(whole)
        for line in whole.decode(errors="replace").splitlines():
            cells = line.split(";")
            if len(cells) >= _COLUMNS and cells[2].strip() == _SETUP and _number(cells[0]):
                self.when.append(float(cells[0]) / 1000)
                self.waited.append(float(cells[1]) / 1000)
        return known


def _number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
