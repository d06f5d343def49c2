# SPDX-License-Identifier: GPL-3.0-or-later
"""Puts a ladder together of all that is known of a call."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from agent.core.ladder import outbox as entries
from agent.core.ladder import record
from agent.core.ladder.audio import bands
from agent.core.ladder.drawing import AGENT, CALLER, CUSTOMER, NICE, QUEUE, US, Column, Ladder, Step
from agent.core.ladder.story import Told
from agent.core.records import Handoff, Signal

PAUSE_SECONDS: Final = 2.0
"""What lasts longer without anything happening is left out of the drawing, and told."""
_ORDER: Final = (CALLER, US, AGENT, QUEUE, NICE, CUSTOMER)
_FORGOTTEN: Final = (
    "the SIP messages and decisions of this call are not known here: a node has those of its last 1,000 "
    "calls in memory, while its process lives; this is from the record"
)


def ladder(
    call: Mapping[str, Any],
    story: Sequence[Mapping[str, Any]] | None,
    outbox: Sequence[Signal],
    handoff: Handoff | None,
    missing: Sequence[str] = (),
) -> Ladder:
    """The ladder of a call.

    Args:
        call: its record, or the least of it that is known, as `CallRecord.shown`.
        story: what a node remembers of it, as `agent.telemetry.stories.Entry`; None when none does.
        outbox: its signals, webhooks and transcript.
        handoff: what the voice agent said.
        missing: what is not known, and why.
    """
    columns = {US: Column(US, call.get("node") or "handoff-agent")}
    if story is not None:
        told = Told(story, outbox=bool(outbox))
        columns |= told.columns
        steps = told.steps
    else:
        columns |= record.columns(call)
        steps = list(record.steps(call))
        if handoff is not None:
            steps.append(record.asked(handoff))
        missing = (*missing, _FORGOTTEN)
    columns |= entries.columns(outbox)
    steps += entries.steps(outbox)
    in_order = list(_paused(sorted(steps, key=lambda step: step.when)))
    numbered = _numbered(sorted(columns.values(), key=_place))
    return Ladder(
        tuple(numbered), tuple(in_order), tuple(bands(in_order, call.get("legs") or ())), tuple(missing)
    )


def _place(column: Column) -> tuple[int, int]:
    kind, _, number = column.key.partition(" ")
    return _ORDER.index(kind) if kind in _ORDER else len(_ORDER), int(number or 1)


def _numbered(columns: Sequence[Column]) -> Iterator[Column]:
    """Of several of a kind, the first has its number too."""
    several = {column.key.partition(" ")[0] for column in columns if " " in column.key}
    for column in columns:
        yield replace(column, title=f"{column.title} 1") if column.key in several else column


def _paused(steps: Iterable[Step]) -> Iterator[Step]:
    before: float | None = None
    for step in steps:
        length = step.when - before if before is not None else 0.0
        yield replace(step, pause=length) if length > PAUSE_SECONDS else step
        before = step.when
