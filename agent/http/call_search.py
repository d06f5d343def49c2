# SPDX-License-Identifier: GPL-3.0-or-later
"""Searching calls on the operations listener: what may be asked for in an address, and the page as JSON."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final

from agent.core.reasons import End, Reason
from agent.core.times import instant
from agent.delivery.queries import CallQuery, cursor, place_of
from agent.http.call_finder import CallPage, Which

AT_MOST: Final = 500
USUAL: Final = 50
_LONGEST: Final = 256
_TEXTS: Final = {
    "id": "any_id",
    "call": "call_id",
    "contact": "contact_id",
    "master": "master_id",
    "sip": "sip_call_id",
    "number": "number",
    "project": "project",
    "carrier": "carrier",
}
_OTHERS: Final = ("end", "reason", "since", "until", "page", "limit", "state")
FILTERS: Final = (*_TEXTS, *_OTHERS)
"""What an address may ask for; an empty one asks for nothing, as a form sends it."""
ENDS: Final = (*[end.value for end in End], "refused")
REASONS: Final = tuple(sorted(reason.value for reason in Reason))


def wanted(given: Mapping[str, str], now: float) -> tuple[CallQuery, Which]:
    """What is asked for.

    Args:
        given: the address' parameters: id, call, contact, master, sip (Call-ID), number (or its last digits),
            project, carrier, end, reason, since, until, page (what a page gave as ``next``), limit, and
            state: live, over, refused, past (the two) or all.
        now: seconds since the epoch.

    Raises:
        ValueError: one can't be used; the text says which, and what would be right.
    """
    asked = {name: value.strip() for name, value in given.items() if value.strip()}
    if unknown := [name for name in asked if name not in FILTERS]:
        raise ValueError(f"there is no filter {unknown[0][:40]!r}: there are {', '.join(FILTERS)}")
    fields: dict[str, Any] = {to: _text(name, asked[name]) for name, to in _TEXTS.items() if name in asked}
    for name, known in (("end", ENDS), ("reason", REASONS)):
        if name in asked:
            fields[name] = _one_of(name, asked[name], known)
    for name in ("since", "until"):
        if name in asked:
            try:
                fields[name] = instant(asked[name], now)
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from None
    if "page" in asked:
        fields["before"] = place_of(asked["page"])
    which = Which(_one_of("state", asked.get("state", Which.ALL.value), tuple(Which)))
    return CallQuery(limit=_limit(asked.get("limit", str(USUAL))), **fields), which


def asked_for(query: CallQuery) -> dict[str, str]:
    """What an address must hold to ask for that; the inverse of `wanted`, less `state` and `page`."""
    told = {name: getattr(query, of) for name, of in _TEXTS.items()}
    told |= {"end": query.end, "reason": query.reason, "limit": str(min(query.limit, AT_MOST))}
    told |= {name: f"{value!r}" for name in ("since", "until") if (value := getattr(query, name)) is not None}
    return {name: value for name, value in told.items() if value}


def asked_now(given: Mapping[str, str]) -> tuple[CallQuery, Which]:
    """As `wanted`, now."""
    return wanted(given, time.time())


def as_json(page: CallPage) -> dict[str, Any]:
    """A page: its calls, and what leads to the next one."""
    answer: dict[str, Any] = {"calls": list(page.calls), "next": page.more and cursor(page.more)}
    return {**answer, "missing": page.missing} if page.missing else answer


def _text(name: str, value: str) -> str:
    if not _usable(value):
        raise ValueError(f"{name} is no text of at most {_LONGEST} characters that can be printed")
    return value


def _usable(text: str) -> bool:
    return len(text) <= _LONGEST and text.isprintable()


def _one_of(name: str, value: str, known: tuple[str, ...]) -> str:
    if value not in known:
        raise ValueError(f"{name} {value[:40]!r} is not known: write one of {', '.join(known)}")
    return value


def _limit(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text[:9]) <= AT_MOST):
        raise ValueError(f"limit is a number from 1 to {AT_MOST}")
    return int(text)
