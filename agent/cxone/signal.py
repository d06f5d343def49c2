# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds the signal request.

``POST {api_endpoint}/incontactAPI/services/{version}/interactions/{contactId}/signal`` with p1..p9, as JSON
body (NICE's Agent SDK), in the query (NICE's public specification), or p1 in the query and the rest in the
body (Cognigy). The same pN never stands in both places, since nobody knows which one wins.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal
from urllib.parse import quote, urlencode

_NAMES: Final = tuple(f"p{number}" for number in range(1, 10))
_MOST_DIGITS: Final = 19
_GREATEST: Final = 2**63 - 1

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
    contact_id = contact_id.strip()
    if not (contact_id.isascii() and contact_id.isdigit() and len(contact_id) <= _MOST_DIGITS):
        raise ValueError("the contact id is not 1 to 19 digits")
    if int(contact_id) > _GREATEST:
        raise ValueError("the contact id is beyond 64 bits")
    values = without_gaps(parameters)
    first = {"query": len(_NAMES), "mixed": 1, "body": 0}[style]
    in_query = {name: value for name, value in values.items() if name in _NAMES[:first]}
    in_body = {name: value for name, value in values.items() if name not in in_query}
    url = (
        f"{api_endpoint.rstrip('/')}/incontactAPI/services/{quote(version)}/interactions/{contact_id}/signal"
    )
    if in_query:
        url += "?" + urlencode(in_query, quote_via=quote, safe="")
    headers = {"Accept": "application/json"}
    if not in_body:
        return Request(url, headers, None)
    headers["Content-Type"] = "application/json"
    return Request(url, headers, json.dumps(in_body, ensure_ascii=False).encode())


def without_gaps(parameters: Mapping[str, str]) -> dict[str, str]:
    """All parameters from p1 to the highest one set, those not set as "".

    Raises:
        ValueError: a name is not one of p1..p9.
    """
    strangers = [name for name in parameters if name not in _NAMES]
    if strangers:
        raise ValueError(f"{strangers[0][:20]!r} is no parameter; there are p1 to p9")
    highest = max((_NAMES.index(name) for name in parameters), default=-1)
    return {name: parameters.get(name, "") for name in _NAMES[: highest + 1]}
