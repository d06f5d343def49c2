# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts of a ladder, and the same told in lines of text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

US: Final = "us"
CALLER: Final = "caller"
AGENT: Final = "agent"
QUEUE: Final = "target"
NICE: Final = "nice"
CUSTOMER: Final = "customer"
"""Keys of columns; those of voice agents and queues after the first have a number behind."""


@dataclass(frozen=True, slots=True)
class Column:
    """One who takes part; ``place`` is the address, where it is known."""

    key: str
    title: str
    place: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened.

    Attributes:
        when: in seconds since the epoch.
        kind: sip, decision, audio, an outbox channel, or record.
        label: in a few words.
        text: in full.
        source: key of the column that it comes from.
        target: key of the column that it goes to; the same for what happened there.
        repeated: whether it is a retransmission.
        failed: whether it tells of trouble.
        position: by which the whole SIP message is had; None where it is not.
        entry: id of the entry of the outbox that it belongs to.
        reply: whether it answers what went the other way.
        pause: seconds before it in which nothing happened, where they are left out of the drawing.
    """

    when: float
    kind: str
    label: str
    text: str
    source: str = US
    target: str = US
    repeated: bool = False
    failed: bool = False
    position: int | None = None
    entry: str = ""
    reply: bool = False
    pause: float = 0.0


@dataclass(frozen=True, slots=True)
class Band:
    """Audio between us and a column.

    Attributes:
        column: its key.
        first: index of the step with which it begins.
        last: index of the step with which it ends.
        text: what is known of it: packets, loss, jitter.
        label: the same in two or three words each; none where it is not known.
        trouble: whether some was lost or late, or none came.
        gaps: indices of the steps at which none came.
    """

    column: str
    first: int
    last: int
    text: str
    trouble: bool = False
    gaps: tuple[int, ...] = ()
    label: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ladder:
    """The drawing.

    Attributes:
        columns: from left to right.
        steps: in the order of time.
        bands: of audio.
        missing: what is not known, and why; one line each.
    """

    columns: Sequence[Column]
    steps: Sequence[Step]
    bands: Sequence[Band] = ()
    missing: Sequence[str] = ()

    def title(self, key: str) -> str:
        """The title of a column."""
        return next((column.title for column in self.columns if column.key == key), key)


def lines(ladder: Ladder) -> Iterator[tuple[Step, str]]:
    """Each step in one line of text, as who cannot see the drawing reads it."""
    for step in ladder.steps:
        who = f"{ladder.title(step.source)} → {ladder.title(step.target)}: "
        again = " (again)" if step.repeated else ""
        yield step, f"{who if step.source != step.target else ''}{step.text}{again}"
