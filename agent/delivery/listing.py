# SPDX-License-Identifier: GPL-3.0-or-later
"""Entries of the outbox as JSON objects for operators: lengths of what they say, values only when asked."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from agent.core.records import Attempt, Signal


def listing(signal: Signal, *, values: bool = False) -> dict[str, Any]:
    """One entry with its attempts.

    Args:
        signal: the signal, webhook or transcript.
        values: whether the values of p1..p9, or the body, are told, which may be what a caller said.
    """
    return {
        "signal_id": signal.signal_id,
        "channel": signal.channel.value,
        "call_id": signal.call_id,
        "account": signal.account,
        "project": signal.project,
        "contact_id": signal.contact_id,
        "moment": signal.moment.value,
        "state": signal.state.value,
        "recorded": signal.recorded,
        "expires": signal.expires,
        "parameters": {
            name: {"length": len(value)} | ({"value": value} if values else {})
            for name, value in signal.parameters.items()
        },
        "attempts": [_attempt(attempt) for attempt in signal.attempts],
    }


def _attempt(attempt: Attempt) -> dict[str, Any]:
    return {**asdict(attempt), "decision": attempt.decision}
