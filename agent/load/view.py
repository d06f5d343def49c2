# SPDX-License-Identifier: GPL-3.0-or-later
"""How a run is shown while it goes on: a table that changes on a terminal, else a line now and then."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Collection
from types import TracebackType
from typing import Final, Protocol, Self, TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from agent.load.course import Sample
from agent.load.limits import time_text
from agent.load.plan import Plan

_LINES: Final = 40
_STEPS: Final = (1, 2, 5, 10, 30, 60, 300, 600, 3600)
_BARS: Final = " ▁▂▃▄▅▆▇█"
_HISTORY: Final = 60


class View(Protocol):
    """Shows samples and says what happens."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def say(self, text: str) -> None:
        """Something happens that is no sample."""

    def show(self, plan: Plan, sample: Sample) -> None:
        """A sample was taken."""


def view(*, plain: bool, out: TextIO | None = None) -> View:
    """The view that fits: plain lines if asked for, or where nobody can see a table change."""
    out = out or sys.stderr
    return LineView(out) if plain or not out.isatty() else LiveView(Console(file=out))


class LineView:
    """One line for a sample now and then."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._next = 0.0
        self._plan: Plan | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is left to do."""

    def say(self, text: str) -> None:
        """Print it."""
        self._print(text)

    def show(self, plan: Plan, sample: Sample) -> None:
        """Print a line if one is due."""
        if plan is not self._plan:
            self._plan, self._next = plan, 0.0
        if sample.time < self._next:
            return
        total = plan.length + plan.hold
        step = next((one for one in _STEPS if total / one <= _LINES), _STEPS[-1])
        self._next = sample.time + step - 0.5
        facts = "  ".join(f"{name} {value}" for name, value in facts_of(sample))
        self._print(f"{sample.time:6.0f}s  {facts}")

    def _print(self, text: str) -> None:
        self._out.write(f"{text}\n")
        self._out.flush()


class LiveView:
    """A table on a terminal, drawn anew with each sample."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, auto_refresh=False, transient=True)
        self._setups: deque[float] = deque(maxlen=_HISTORY)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def say(self, text: str) -> None:
        """Print it above the table."""
        self._live.console.print(text, highlight=False, markup=False)

    def show(self, plan: Plan, sample: Sample) -> None:
        """Draw the table."""
        self._setups.append(sample.setup_p99 or 0.0)
        table = Table.grid(padding=(0, 2))
        table.add_column(justify="right", style="dim")
        table.add_column()
        for name, value in facts_of(sample):
            bad = name in ("failed", "lost", "gap") and not value.startswith("0")
            table.add_row(name, Text(value, style="bold red" if bad and name == "failed" else ""))
        table.add_row("set-up p99", Text(bars(self._setups), style="cyan"))
        total = plan.length + plan.hold
        head = Table.grid()
        head.add_row(Text(f"{plan.profile.name}  {sample.time:.0f} of about {total:.0f} s", style="bold"))
        head.add_row(ProgressBar(total=max(total, 0.001), completed=min(sample.time, total), width=60))
        self._live.update(Group(head, table, Text("Ctrl-C ends it with a report", style="dim")))
        self._live.refresh()


def facts_of(sample: Sample) -> list[tuple[str, str]]:
    """What a sample says, for people: name and value."""
    facts = [
        ("rate", f"{sample.rate:.4g}/s"),
        ("up", str(sample.up)),
        ("begun", str(sample.begun)),
        ("failed", str(sample.failed)),
        ("retransmitted", str(sample.retransmissions)),
    ]
    if sample.setup_p99 is not None:
        facts.append(("setup p50/p99", f"{_ms(sample.setup_p50)}/{_ms(sample.setup_p99)}"))
    if sample.flood is not None:
        facts.append(("flood", f"{sample.flood} ({sample.flood_failed} not refused)"))
    if sample.signals is not None:
        pending = f"{sample.signals_failed} failed, {sample.signals_pending} pending"
        facts.append(("signals", f"{sample.signals} ({pending})"))
    if sample.expected is not None:
        facts.append(("lost", f"{sample.lost} of {sample.expected}"))
        facts.append(("gap", _ms(sample.gap)))
    elif sample.agent_received:
        facts.append(("lost", f"{sample.agent_lost} of {sample.agent_received}"))
    facts += [(f"cpu {name}", f"{percent:.0f}%") for name, percent in sample.cpu.items()]
    return facts


def bars(values: Collection[float]) -> str:
    """A row of small bars, the highest value at full height."""
    top = max(values, default=0.0)
    if not top:
        return ""
    return "".join(_BARS[round(value / top * (len(_BARS) - 1))] for value in values) + f"  {_ms(top)}"


def _ms(value: float | None) -> str:
    return "-" if value is None else time_text(value)
