# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds the signal request.

``POST {api_endpoint}/incontactAPI/services/{version}/interactions/{contactId}/signal`` with p1..p9, as JSON
body (NICE's Agent SDK), in the query (NICE's public specification), or p1 in the query and the rest in the
body (Cognigy). The same pN never stands in both places, since nobody knows which one wins.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal
from urllib.parse import quote, urlencode

_NAMES: Final = tuple(f"p{number}" for number in range(1, 10))
_ALL: Final = frozenset(_NAMES)
_MOST_DIGITS: Final = 19
_GREATEST: Final = 2**63 - 1

_quoted: Final = json.encoder.encode_basestring

Style = Literal["body", "query", "mixed"]


@dataclass(frozen=True, slots=True)
class Request:
    """A signal request, without its token. ``url`` is percent-encoded; values stay out of the repr."""

    url: str = field(repr=False)
    headers: Mapping[str, str]
    body: bytes | None = field(repr=False)


def build(
    api_endpoint: str, version: str, contact_id: str, parameters: Mapping[str, str], style: Style
) -> Request:
    """Make the request for one contact.

    Args:
        api_endpoint: base URL from discovery.
        version: of the API, such as ``v30.0``.
        contact_id: the spawned contact's id; blanks around it are dropped.
        parameters: by name p1..p9; those missing below the highest one are sent as "" so that numbering never
            shifts.
        style: where the parameters go.

    Raises:
        ValueError: the contact id is not 1 to 19 digits within 64 bits, or a name is not one of p1..p9.
    """
    base = f"{api_endpoint.rstrip('/')}{services(version)}"
    query, body = placed(without_gaps(parameters), style)
    headers = {"Accept": "application/json"}
    if body is not None:
        headers["Content-Type"] = "application/json"
    return Request(f"{base}{checked(contact_id)}/signal{query}", headers, body)


def services(version: str) -> str:
    """The path to the contacts of an API version, below the tenant's endpoint."""
    return f"/incontactAPI/services/{quote(version)}/interactions/"


def checked(contact_id: str) -> str:
    """A contact id without blanks around it; raises `ValueError` where it is none."""
    contact_id = contact_id.strip()
    if not (contact_id.isascii() and contact_id.isdigit() and len(contact_id) <= _MOST_DIGITS):
        raise ValueError("the contact id is not 1 to 19 digits")
    if int(contact_id) > _GREATEST:
        raise ValueError("the contact id is beyond 64 bits")
    return contact_id


def placed(values: dict[str, str], style: Style) -> tuple[str, bytes | None]:
    """The parameters as query, with its question mark, and as JSON body; of each what the style wants.

    Args:
        values: without gaps.
        style: where they go.
    """
    if not values:
        return "", None
    if style == "body":
        return "", _json(values.items())
    first = 1 if style == "mixed" else len(values)
    pairs = list(values.items())
    query = "?" + urlencode(pairs[:first], quote_via=quote, safe="")
    return query, _json(pairs[first:]) if len(pairs) > first else None


def _json(pairs: Iterable[tuple[str, str]]) -> bytes:
    """A JSON object of texts, without the encoder's way for all that else may come."""
    return ("{" + ", ".join([f'"{name}": {_quoted(value)}' for name, value in pairs]) + "}").encode()


def without_gaps(parameters: Mapping[str, str]) -> dict[str, str]:
    """All parameters from p1 to the highest one set, those not set as "".

    Raises:
        ValueError: a name is not one of p1..p9.
    """
    if tuple(parameters) == _NAMES[: len(parameters)]:
        return dict(parameters)  # as the agent records them
    if not _ALL.issuperset(parameters):
        stranger = next(name for name in parameters if name not in _ALL)
        raise ValueError(f"{stranger[:20]!r} is no parameter; there are p1 to p9")
    highest = max(parameters, default="")  # p1 to p9 sort as their numbers do
    return {name: parameters.get(name, "") for name in _NAMES if name <= highest}
