# SPDX-License-Identifier: GPL-3.0-or-later
"""The Signal API: ``POST /incontactAPI/services/v{N.0}/interactions/{contactId}/signal``."""

from __future__ import annotations

import json
import math
import re
import time
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote

from aiohttp import web

from agent.simulators.cxone.answers import ANSWERS
from agent.simulators.cxone.faults import Fault, suffer
from agent.simulators.cxone.ledger import Entry
from agent.simulators.cxone.studio import Contact
from agent.simulators.cxone.world import World

_PATH: Final = re.compile(
    r"/incontactapi/services/v(?P<version>[^/]*)/interactions/(?P<contact>[^/]*)/signal/?", re.IGNORECASE
)
_VERSION: Final = re.compile(r"([1-9]|[1-3][0-9]|40)(\.0)?")
_NAMES: Final = tuple(f"p{number}" for number in range(1, 10))
_MOST_DIGITS: Final = 19
_GREATEST_ID: Final = 2**63 - 1


@dataclass(slots=True)
class _Given:
    """The parameters of a request and where each came from."""

    merged: dict[str, str] = field(default_factory=dict)
    sources: str = "none"
    conflicts: list[str] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)


class SignalApi:
    """The endpoint of host C. A status that is refused has a name in `answers.ANSWERS`."""

    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[web.RouteDef]:
        """What to serve where: the path is matched here, since one of its segments has any case."""
        return [web.route("*", "/{path:.*}", self._any)]

    async def _any(self, request: web.Request) -> web.StreamResponse:
        path, _, _ = request.path_qs.partition("?")
        match = _PATH.fullmatch(path)
        if match is None:
            return web.Response(status=404, text="resource not found")
        received = time.time()
        contact_id = unquote(match["contact"])
        keep = self._world.knobs.signals_kept
        entry = self._world.ledger.open(contact_id, received, keep)
        entry.api_version = match["version"]
        entry.correlation_id = request.headers.get("CorrelationId", "")
        return await self._serve(request, match, entry)

    async def _serve(self, request: web.Request, match: re.Match[str], entry: Entry) -> web.StreamResponse:
        if request.method != "POST" or not entry.contact_id:
            return self._refuse(entry, "method_not_allowed")  # rows 1, 2
        if _VERSION.fullmatch(match["version"]) is None:
            return self._refuse(entry, "no_resource")  # row 3
        contact = self._contact(request, entry)
        if not isinstance(contact, Contact):
            return contact
        body = await request.read()
        refusal = self._unfit(request, body, entry)
        if refusal is not None:
            return refusal
        fault = self._world.fault("signal", entry.contact_id)
        if fault is not None:
            return await self._suffer(fault, request, contact, entry)
        return self._accept(request, contact, entry)

    def _contact(self, request: web.Request, entry: Entry) -> Contact | web.Response:
        """Rows 4 to 9: who asks, may it, is it too much, is there such a contact."""
        knobs = self._world.knobs
        issued = self._world.mint.recognise(request.headers.get("Authorization", ""), knobs)
        if issued is None:
            return self._refuse(entry, "unauthorized")
        entry.token = issued.number
        if not knobs.app_has_admin_api or not knobs.employee_permitted:
            return self._refuse(entry, "forbidden")
        wait = self._world.wait_for_bucket(issued.tenant.tenant_id, entry.received)
        if wait is not None:
            return self._refuse(entry, "too_many", retry_after=math.ceil(wait))
        if not _numeric(entry.contact_id):
            return self._refuse(entry, "invalid_contact")
        contact = self._world.studio.find(entry.contact_id, issued.tenant.tenant_id)
        if contact is None or contact.tenant != issued.tenant.tenant_id:
            return self._refuse(entry, "invalid_contact")
        if contact.state == "ended" and knobs.ended_contact != "drop":
            return self._refuse(entry, "invalid_contact", status=int(knobs.ended_contact))
        return contact

    def _unfit(self, request: web.Request, body: bytes, entry: Entry) -> web.Response | None:
        """Rows 10 to 13: body, length of the URL, length of the values, other names."""
        knobs = self._world.knobs
        given = _given(request, body, knobs.conflict_winner)
        if given is None:
            return self._refuse(entry, "bad_request")
        entry.parameters, entry.sources = given.merged, given.sources
        entry.conflicts, entry.ignored = given.conflicts, given.ignored
        if knobs.url_limit is not None and len(request.path_qs) > knobs.url_limit:
            return self._refuse(entry, "uri_too_long", status=knobs.url_limit_status)
        limit = knobs.parameter_limit
        for name, value in given.merged.items():
            if limit is not None and len(value.encode()) > limit:
                return self._refuse(entry, "invalid_parameter", description=f"Invalid parameter '{name}'")
        return None

    async def _suffer(
        self, fault: Fault, request: web.Request, contact: Contact, entry: Entry
    ) -> web.StreamResponse:
        entry.fault = fault.mode
        if fault.mode == "token_401":
            self._world.mint.revoke_all()
            return self._refuse(entry, "unauthorized")
        if fault.accepts:
            self._world.studio.accept(contact, entry)
        silent = fault.mode.startswith(("reset", "timeout"))
        if silent:
            self._world.ledger.answered(entry, None)
        answer = await suffer(fault, request)
        if answer is None:
            return self._accept(request, contact, entry)
        if not silent:
            description = answer.headers.get("icStatusDescription", "")
            self._world.ledger.answered(entry, answer.status, description)
        return answer

    def _accept(self, request: web.Request, contact: Contact, entry: Entry) -> web.Response:
        if not entry.accepted:
            self._world.studio.accept(contact, entry)
        self._world.ledger.answered(entry, 202)
        text = None if "Accept" in request.headers else "No known way to render data"
        return web.Response(status=202, text=text, headers=_correlation(entry))

    def _refuse(
        self,
        entry: Entry,
        name: str,
        *,
        status: int | None = None,
        description: str = "",
        retry_after: int | None = None,
    ) -> web.Response:
        """Refuse with an answer of the list, with another status or description where one is given."""
        said = ANSWERS[name]
        status, description = status or said.status, description or said.description
        self._world.ledger.answered(entry, status, description)
        headers = {"icStatusDescription": description} | _correlation(entry)
        if retry_after is not None:
            headers["Retry-After"] = str(retry_after)
        return web.Response(status=status, text=said.body, headers=headers)


def _correlation(entry: Entry) -> dict[str, str]:
    return {"CorrelationId": entry.correlation_id} if entry.correlation_id else {}


def _numeric(contact_id: str) -> bool:
    digits = contact_id.isascii() and contact_id.isdigit() and len(contact_id) <= _MOST_DIGITS
    return digits and int(contact_id) <= _GREATEST_ID


def _given(request: web.Request, body: bytes, winner: str) -> _Given | None:
    """Merge query and JSON body; None when the body is no JSON object though it says so."""
    given = _Given()
    in_body: dict[str, str] = {}
    if body and request.content_type == "application/json":
        try:
            document = json.loads(body)
        except ValueError:
            return None
        if not isinstance(document, dict):
            return None
        in_body = {name: v if isinstance(v, str) else json.dumps(v) for name, v in document.items()}
    elif body:
        given.ignored.append("(body)")
    in_query = dict(request.query)
    first, second = (in_query, in_body) if winner == "body" else (in_body, in_query)
    both = first | second
    given.merged = {name: both[name] for name in _NAMES if name in both}
    given.ignored += [name for name in both if name not in _NAMES]
    given.conflicts = [name for name in _NAMES if name in in_query and name in in_body]
    used = [name for name, values in (("query", in_query), ("body", in_body)) if values]
    given.sources = "mixed" if len(used) > 1 else (used or ["none"])[0]
    return given
