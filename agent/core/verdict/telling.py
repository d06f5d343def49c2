# SPDX-License-Identifier: GPL-3.0-or-later
"""What became of an entry of the outbox, in sentences for whoever is on duty.

Takes `agent.delivery.listing` objects.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

from agent.core.outcomes import IN_DOUBT, OUTCOMES, Outcome, Repeat
from agent.core.records import Channel, Decision
from agent.core.wording import clock, moment, printable, span

Told: TypeAlias = Mapping[str, Any]

_SECOND: Final = {
    Channel.SIGNAL.value: "a second one would restart the script on the caller",
    Channel.TRANSCRIPT.value: "NICE takes one of a contact",
}
_DECISIONS: Final = {
    Decision.RETRY.value: "an operator had it sent again",
    Decision.DISCARD.value: "an operator discarded it",
    Decision.RECOVERY.value: "the agent died while the voice agent kept the caller: sent again",
}
_REOPENS: Final = (Decision.RETRY.value, Decision.RECOVERY.value)


def what(signal: Told) -> str:
    """In a word: the moment of a signal, or the channel of what is none."""
    channel: str = signal.get("channel", Channel.SIGNAL.value)  # an agent of before tells none
    moment_of: str = signal["moment"]
    return moment_of if channel == Channel.SIGNAL.value else channel


def name(signal: Told) -> str:
    """Such as: the handoff signal, the webhook."""
    word = what(signal)
    return f"the {word}" if word in tuple(Channel) else f"the {word} signal"


def tries(signal: Told) -> list[Told]:
    """The attempts to send it, without operators' decisions."""
    return [attempt for attempt in signal["attempts"] if not attempt["decision"]]


def nice_said(attempt: Told) -> str:
    """Status and words of one answer, or what came instead."""
    status = f"HTTP {attempt['status']}" if attempt["status"] else ""
    detail = printable(attempt["detail"])
    detail = "" if detail == status else detail
    return " ".join(part for part in (status, detail) if part) or attempt["outcome"]


def last_said(signal: Told) -> str:
    """What the last try brought; for a table."""
    if not signal["attempts"]:
        return "-"
    last = signal["attempts"][-1]
    if last["decision"]:
        return f"{_DECISIONS[last['outcome']]} ({printable(last['detail'])})"
    return nice_said(last)


def verdict(signal: Told, now: float) -> str:
    """One sentence: whether NICE has the signal, since when, and what it said; `now` is since the epoch."""
    sent = tries(signal)
    named, whom = name(signal), _whom(signal)
    last = sent[-1] if sent else None
    match signal["state"]:
        case "accepted" if last is not None:
            return (
                f"{named} was ACCEPTED by {whom} at {moment(last['ended'])} UTC ({nice_said(last)}), "
                f"{span(last['ended'] - signal['recorded'])} after the moment, at try {len(sent)}"
            )
        case "refused" if last is not None:
            return (
                f"{named} was NOT taken: {whom} refused it at {moment(last['ended'])} UTC "
                f"({nice_said(last)}): {_meaning(signal, last)}"
            )
        case "unknown" if last is not None:
            return (
                f"{named} is UNKNOWN: it was sent at {moment(_in_doubt(sent)['began'])} UTC "
                f"({nice_said(_in_doubt(sent))}); NICE may have taken it, so it is not repeated"
            )
        case "expired" if signal["expires"] > now:
            overtaken = " when its call's terminal moment came" if signal["moment"] == "arrival" else ""
            return (
                f"{named} was NOT taken: it was given up{overtaken}, though it {_expiry(signal, now)}; "
                f"{_tried(sent)}"
            )
        case "expired":
            return f"{named} was NOT taken: it {_expiry(signal, now)}, {_tried(sent)}"
        case "cancelled":
            return f"{named} was NOT sent: {_why_cancelled(signal)}; {_tried(sent)}"
        case "sending":
            return f"{named} is on its way to {whom}; no answer yet, {_tried(sent)}"
        case "recorded":
            return f"{named} WAITS to be sent and {_expiry(signal, now)}, {_tried(sent)}"
        case state:
            return f"{named} is {state}"


def story(signal: Told) -> Iterator[str]:
    """Each attempt: when, what NICE said, and why it was repeated or not."""
    until = f"to be sent until {moment(signal['expires'])} UTC"
    reopened = any(one["outcome"] in _REOPENS for one in signal["attempts"])
    yield f"  {clock(signal['recorded'])}  recorded, durably" + ("" if reopened else f"; {until}")
    attempts: Sequence[Told] = signal["attempts"]
    for index, attempt in enumerate(attempts):
        at = clock(attempt["began"])
        if attempt["decision"]:
            again = f"; {until}" if attempt["outcome"] in _REOPENS else ""
            yield f"  {at}  {_DECISIONS[attempt['outcome']]}, {printable(attempt['detail'])}{again}"
            continue
        after = attempts[index + 1] if index + 1 < len(attempts) else None
        took = span(attempt["ended"] - attempt["began"])
        number = len([one for one in attempts[: index + 1] if not one["decision"]])
        yield f"  {at}  try {number}: {nice_said(attempt)} after {took}: {_meaning(signal, attempt)}"
        yield f"  {'':12}    {_what_followed(signal, attempt, after)}"


def _expiry(signal: Told, now: float) -> str:
    """When its time is over, or was."""
    at = f"{moment(signal['expires'])} UTC"
    left = signal["expires"] - now
    return f"expires in {span(left)}, at {at}" if left > 0 else f"expired at {at}"


def _is_webhook(signal: Told) -> bool:
    return what(signal) == Channel.WEBHOOK.value


def _whom(signal: Told) -> str:
    return "the customer's system" if _is_webhook(signal) else "NICE"


def _meaning(signal: Told, attempt: Told) -> str:
    outcome: str = attempt["outcome"]
    if outcome not in OUTCOMES:
        return outcome
    meaning = OUTCOMES[outcome].meaning
    return (_is_webhook(signal) and meaning.told_of_webhook) or meaning.told


def _in_doubt(sent: Sequence[Told]) -> Told:
    """The try that NICE may have taken."""
    return next((one for one in reversed(sent) if one["outcome"] in IN_DOUBT), sent[-1])


def _what_followed(signal: Told, attempt: Told, after: Told | None) -> str:
    outcome, state = attempt["outcome"], signal["state"]
    second = _SECOND.get(signal.get("channel", Channel.SIGNAL.value))
    if outcome == Outcome.ACCEPTED:
        return f"done: {second}" if second else "done"
    if outcome in OUTCOMES and OUTCOMES[outcome].meaning.repeat is Repeat.NEVER:
        return "not repeated: it would be refused again"
    if outcome in IN_DOUBT and second is not None:
        if after is not None and not after["decision"]:
            return "repeated, since the project says repeat_unknown: true"
        if after is None and state in ("recorded", "sending"):
            return "repeated next, since the project says repeat_unknown: true"
        return f"not repeated: {second}"
    effect = "surely without effect" if second else "not acknowledged"
    if after is not None and not after["decision"]:
        return f"{effect}: repeated {span(after['began'] - attempt['ended'])} later"
    match state if after is None else "expired":
        case "recorded" | "sending":
            return f"{effect}: it is repeated next"
        case "cancelled":
            return f"{effect}; not repeated: the caller had hung up"
        case _:
            over = "its time was over"
            over += ", or its call's terminal moment came" if signal["moment"] == "arrival" else ""
            return f"{effect}; not repeated: {over}"


def _tried(sent: Sequence[Told]) -> str:
    if not sent:
        return "never tried"
    times = "once" if len(sent) == 1 else f"{len(sent)} times"
    return f"tried {times}, the last time at {moment(sent[-1]['began'])} UTC ({nice_said(sent[-1])})"


def _why_cancelled(signal: Told) -> str:
    for attempt in reversed(signal["attempts"]):
        if attempt["outcome"] == Decision.DISCARD.value:
            return (
                f"an operator discarded it at {moment(attempt['began'])} UTC ({printable(attempt['detail'])})"
            )
    return "it was cancelled, since the caller hung up first"
