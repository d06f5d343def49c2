# SPDX-License-Identifier: GPL-3.0-or-later
"""How a run is shown: a table on a terminal, else lines."""

from __future__ import annotations

import io

from rich.console import Console

from agent.load.course import Sample
from agent.load.view import LineView, LiveView, bars, view
from tests.load.courses import plan

SAMPLE = Sample(
    time=3, rate=100, begun=300, up=20, done=279, failed=1, retransmissions=4, setup_p50=0.012,
    setup_p95=0.02, setup_p99=0.031, cpu={"agent": 41.6}, signals=299, signals_failed=0, signals_pending=2,
    lost=1, expected=150, gap=0.021,
)  # fmt: skip

FACTS = (
    "rate 100/s",
    "up 20",
    "begun 300",
    "failed 1",
    "retransmitted 4",
    "setup p50/p99 12ms/31ms",
    "signals 299 (0 failed, 2 pending)",
    "lost 1 of 150",
    "gap 21ms",
    "cpu agent 42%",
)


def test_where_nobody_sees_a_table_change_there_are_lines() -> None:
    out = io.StringIO()
    shown = view(plain=False, out=out)
    assert isinstance(shown, LineView)
    shown.show(plan(), SAMPLE)
    line = out.getvalue()
    assert line.count("\n") == 1
    for words in FACTS:
        assert words in line, line


def test_a_long_run_has_few_lines() -> None:
    out = io.StringIO()
    shown = LineView(out)
    long = plan("soak")
    for second in range(3600):
        shown.show(long, Sample(second, 3, second, 1, second, 0, 0))
    assert 10 < len(out.getvalue().splitlines()) < 80


def test_on_a_terminal_the_table_has_the_same_facts() -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=100, color_system=None)
    with LiveView(console) as shown:
        shown.say("warming up")
        shown.show(plan(), SAMPLE)
    said = out.getvalue()
    for words in ("warming up", "signalling  3 of about 30 s", "100/s", "12ms/31ms", "42%"):
        assert words in said


def test_bars_are_as_high_as_their_values() -> None:
    assert bars([0.0, 0.05, 0.1]).startswith(" ▄█")
    assert bars([]) == ""
