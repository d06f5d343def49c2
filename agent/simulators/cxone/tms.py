# SPDX-License-Identifier: GPL-3.0-or-later
"""The transcript endpoint (TMS)."""

from __future__ import annotations

import json
import time
from typing import Final

from aiohttp import web

from agent.simulators.cxone.answers import ANSWERS
from agent.simulators.cxone.faults import suffer
from agent.simulators.cxone.ledger import TranscriptEntry
from agent.simulators.cxone.world import World

_TEXTS: Final = ("vendorId", "busId", "virtualAgentId", "contactId")
_PARTICIPANTS: Final = frozenset({"Bot", "Patron"})


class Tms:
    """``POST /aai/tms/transcripts/post``."""

    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[web.RouteDef]:
        """What to serve where."""
        return [web.post("/aai/tms/transcripts/post", self._post)]

    async def _post(self, request: web.Request) -> web.StreamResponse:
        received, body = time.time(), _document(await request.text())
        contact_id = body.get("contactId", "") if isinstance(body, dict) else ""
        keep = self._world.knobs.signals_kept
        entry = self._world.transcripts.open(str(contact_id), received, keep)
        entry.body, entry.correlation_id = body, request.headers.get("CorrelationId", "")
        refused = self._refusal(request, entry)
        fault = self._world.fault("tms", entry.contact_id)
        if fault is not None:
            entry.fault, entry.accepted = fault.mode, fault.accepts and refused is None
            if (answer := await suffer(fault, request)) is not None:
                silent = fault.mode.startswith(("reset", "timeout"))
                entry.status = None if silent else answer.status
                return answer
        if refused is not None:
            entry.status = refused.status
            return refused
        entry.accepted, entry.status = True, 200
        if "Accept" not in request.headers:
            return web.Response(text="No known way to render data")
        return web.json_response({"result": "accepted"})

    def _refusal(self, request: web.Request, entry: TranscriptEntry) -> web.Response | None:
        knobs = self._world.knobs
        token = self._world.mint.recognise(request.headers.get("Authorization", ""), knobs)
        if token is None:
            if knobs.tms_expired_as_400:
                return _said("token_expired")
            return _said("unauthorized")
        entry.token = token.number
        if not knobs.app_has_admin_api or not knobs.employee_permitted:
            return _said("forbidden")
        if (wrong := _wrong(entry.body)) is not None:
            return web.json_response({"message": wrong}, status=400)
        return None


def _said(name: str) -> web.Response:
    said = ANSWERS[name]
    headers = {"icStatusDescription": said.description} if said.description else {}
    content_type = "application/json" if said.body else None
    return web.Response(status=said.status, text=said.body, headers=headers, content_type=content_type)


def _document(body: str) -> object:
    try:
        return json.loads(body)
    except ValueError:
        return None


def _wrong(body: object) -> str | None:
    """What is wrong with a body, if anything."""
    if not isinstance(body, dict):
        return "a JSON object is wanted"
    missing = [name for name in _TEXTS if not isinstance(body.get(name), str) or not body[name]]
    if missing:
        return f"{missing[0]} is missing"
    details = body.get("selfServiceSessionDetails")
    lines = details.get("transcripts") if isinstance(details, dict) else None
    if not isinstance(lines, list) or not all(isinstance(line, dict) for line in lines):
        return "selfServiceSessionDetails.transcripts must be a list of objects"
    if not all(isinstance(line.get("messageBody"), str) for line in lines):
        return "messageBody must be a string"
    if any(line.get("participantId") not in _PARTICIPANTS for line in lines):
        return "participantId must be Bot or Patron"
    return None
