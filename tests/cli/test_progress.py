# SPDX-License-Identifier: GPL-3.0-or-later
"""Progress on a terminal: one line, written over, and nothing left behind."""

from __future__ import annotations

import io
import threading

import pytest

from agent.cli import progress
from agent.cli.progress import Progress, busy


class Terminal(io.StringIO):
    """Says that it is one."""

    def __init__(self) -> None:
        super().__init__()
        self.written = threading.Event()

    def isatty(self) -> bool:
        """It is."""
        return True

    def write(self, text: str) -> int:
        """Keep the text, and say that there is some."""
        self.written.set()
        return super().write(text)


def test_a_line_is_written_over_and_cleared_at_the_end() -> None:
    out = Terminal()
    line = Progress(out)
    for text in ("one", "one", "two"):
        line.tell(text)
    line.clear()
    assert out.getvalue() == "\r\x1b[2Kone\r\x1b[2Ktwo\r\x1b[2K"


def test_where_there_is_no_terminal_nothing_is_said() -> None:
    out = io.StringIO()
    with busy("reading", out):
        Progress(out).tell("one")
    assert not out.getvalue()


def test_what_takes_long_is_told_while_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_FIRST_SECONDS", 0.0)
    out = Terminal()
    with busy("reading config", out):
        assert out.written.wait(30)
    said = out.getvalue()
    assert "reading config … 0 s" in said
    assert said.endswith("\r\x1b[2K")


def test_what_is_quick_is_not_told() -> None:
    out = Terminal()
    with busy("reading config", out):
        pass
    assert not out.getvalue()
