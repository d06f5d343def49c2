# SPDX-License-Identifier: GPL-3.0-or-later
"""Progress on a terminal: one line, written over, and nothing left behind."""

from __future__ import annotations

import io

from agent.cli.progress import Progress


class Terminal(io.StringIO):
    """Says that it is one."""

    def isatty(self) -> bool:
        """It is."""
        return True


def test_a_line_is_written_over_and_cleared_at_the_end() -> None:
    out = Terminal()
    line = Progress(out)
    for text in ("one", "one", "two"):
        line.tell(text)
    line.clear()
    assert out.getvalue() == "\r\x1b[2Kone\r\x1b[2Ktwo\r\x1b[2K"


def test_where_there_is_no_terminal_nothing_is_said() -> None:
    out = io.StringIO()
    with Progress(out) as line:
        line.tell("one")
    assert not out.getvalue()
