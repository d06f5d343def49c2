# SPDX-License-Identifier: GPL-3.0-or-later
"""Steps of what was sent to NICE and to the customer's system: each try, and what was answered."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from agent.core.ladder.drawing import CUSTOMER, NICE, US, Column, Step
from agent.core.outcomes import OUTCOMES, Outcome
from agent.core.records import Attempt, Channel, Decision, Signal

_COLUMNS: Final = {
    Channel.SIGNAL: Column(NICE, "NICE"),
    Channel.TRANSCRIPT: Column(NICE, "NICE"),
    Channel.WEBHOOK: Column(CUSTOMER, "Webhook"),
}
_NOT_TRIED: Final = (Outcome.NOT_SENT.value, Outcome.BREAKER_OPEN.value)
_DECISIONS: Final = {
    Decision.RETRY.value: "an operator had it sent again",
    Decision.DISCARD.value: "an operator discarded it",
    Decision.RECOVERY.value: "sent again after the death of a process",
}


def columns(outbox: Sequence[Signal]) -> dict[str, Column]:
    """Who is told by these."""
    found = (_COLUMNS[entry.channel] for entry in outbox)
    return {column.key: column for column in found}


def steps(outbox: Sequence[Signal]) -> Iterator[Step]:
    """All tries."""
    for entry in outbox:
        name = f"{entry.moment.value} signal" if entry.channel is Channel.SIGNAL else entry.channel.value
        far = _COLUMNS[entry.channel].key
        yield Step(
            entry.recorded, entry.channel.value, f"{name} recorded", f"{name} recorded, durably",
            entry=entry.signal_id,
        )  # fmt: skip
        number = 0
        for attempt in entry.attempts:
            if attempt.decision:
                who = f"{name}: {_DECISIONS.get(attempt.outcome, attempt.outcome)}"
                text = f"{who} ({attempt.detail})" if attempt.detail else who
                yield Step(attempt.began, entry.channel.value, who, text, entry=entry.signal_id)
                continue
            number += 1
            yield from _tried(entry, attempt, f"{name}, try {number}", far)


def _tried(entry: Signal, attempt: Attempt, name: str, far: str) -> Iterator[Step]:
    kind, entry_id = entry.channel.value, entry.signal_id
    said, text = _said(entry, attempt)
    failed = attempt.outcome != Outcome.ACCEPTED.value
    if attempt.outcome in _NOT_TRIED:
        yield Step(attempt.ended, kind, f"{name}: {said}", f"{name}: {text}", failed=True, entry=entry_id)
        return
    yield Step(attempt.began, kind, name, name, US, far, entry=entry_id)
    heard = attempt.status is not None
    yield Step(
        when=attempt.ended,
        kind=kind,
        label=said if heard else f"{name}: {said}",
        text=f"{name}: {text}",
        source=far if heard else US,
        target=US,
        failed=failed,
        entry=entry_id,
        reply=heard,
    )


def _said(entry: Signal, attempt: Attempt) -> tuple[str, str]:
    """What came of a try, in a few words and in full."""
    words = attempt.outcome
    if attempt.outcome in OUTCOMES:
        meaning = OUTCOMES[attempt.outcome].meaning
        hook = entry.channel is Channel.WEBHOOK
        words = (hook and meaning.told_of_webhook) or meaning.told
    status = f"HTTP {attempt.status}" if attempt.status else ""
    detail = "" if attempt.detail == status else attempt.detail
    full = " ".join(part for part in (status, detail) if part)
    return (
        f"{attempt.status} {attempt.outcome}" if attempt.status else attempt.outcome,
        f"{full}: {words}" if full else words,
    )
