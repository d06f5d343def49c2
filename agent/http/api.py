# SPDX-License-Identifier: GPL-3.0-or-later
"""The handoff API: voice agents hand callers back here, and desktops fetch what was said."""

from __future__ import annotations

import json
from typing import Any, Final, NoReturn

from aiohttp import web
from pydantic import ValidationError

from agent.core.moments import Moment
from agent.core.records import Handoff, Signal, Whereabouts
from agent.http.errors import json_errors, refusal
from agent.http.keys import Access, ApiKeys
from agent.http.models import (
    AttemptAnswer,
    HandoffAnswer,
    HandoffRequest,
    HandoffState,
    HandoffStatus,
)
from agent.http.openapi import document
from agent.http.ports import AlreadyEnded, ApiDesk, HandoffAccepted, NoSuchCall, NotAnswered

BODY_BYTES: Final = 64 * 1024
_NO_KEY: Final = "x-api-key is absent or not known"
_OTHER_KEY: Final = "this x-api-key is of another project"


def api_app(desk: ApiDesk) -> web.Application:
    """The application of the API listener."""
    app = web.Application(middlewares=[json_errors], client_max_size=BODY_BYTES)
    routes = _Routes(desk)
    app.router.add_get("/openapi.json", routes.openapi, allow_head=False)
    app.router.add_post("/v1/{account}/{project}/handoffs", routes.hand_off)
    app.router.add_get("/v1/{account}/{project}/handoffs/{id}", routes.handoff, allow_head=False)
    app.router.add_get("/v1/{account}/{project}/handoff_state", routes.handoff_state, allow_head=False)
    return app


class _Routes:
    def __init__(self, desk: ApiDesk) -> None:
        self._desk = desk
        self._keys = ApiKeys()
        self._document = document()

    async def openapi(self, _request: web.Request) -> web.Response:
        return web.json_response(self._document)

    async def hand_off(self, request: web.Request) -> web.Response:
        account, project, refused = self._admit(request)
        if refused is not None:
            return refused
        try:
            asked = HandoffRequest.model_validate(_parsed(await request.read()))
        except ValidationError as error:
            return refusal(422, "the body can't be used", fields=_fields(error))
        except (ValueError, RecursionError):
            return refusal(400, "the body is not JSON")
        match await self._desk.hand_off(account, project, asked, None):
            case HandoffAccepted(handoff_id, state, caller):
                answer = HandoffAnswer(id=handoff_id, state=state, caller=caller)
                return web.json_response(answer.model_dump(mode="json"), status=202)
            case NoSuchCall():
                return refusal(404, "no such call is up")
            case NotAnswered():
                return refusal(409, "no voice agent has answered this call yet")
            case AlreadyEnded(moment):
                return refusal(409, f"the call's terminal moment came before{moment and ': '}{moment}")

    async def handoff(self, request: web.Request) -> web.Response:
        account, project, refused = self._admit(request)
        if refused is not None:
            return refused
        found = await self._desk.states.handoff(request.match_info["id"])
        if found is None or (found.account, found.project) != (account, project):
            return refusal(404, "there is no such handoff")
        signals = await self._desk.states.signals(call_id=found.call_id)
        told = next((signal for signal in signals if signal.moment is Moment.HANDOFF), None)
        return web.json_response(
            _status(found, told, await self._desk.whereabouts(found.call_id)).model_dump(mode="json")
        )

    async def handoff_state(self, request: web.Request) -> web.Response:
        account, project, refused = self._admit(request)
        if refused is not None:
            return refused
        handoff_id, shared_id = (
            request.query.get("id", "").strip(),
            request.query.get("shared_id", "").strip(),
        )
        if not handoff_id and not shared_id:
            return refusal(400, "id or shared_id is needed")
        found = await self._desk.states.handoff_by_key(
            account, project, handoff_id=handoff_id, shared_id=shared_id
        )
        if found is None:
            return refusal(404, "nothing is stored under this key")
        state = HandoffState(id=found.handoff_id, data=dict(found.data), shared_id=found.shared_id or None)
        return web.json_response({name: value for name, value in state if value is not None})

    def _admit(self, request: web.Request) -> tuple[str, str, web.Response | None]:
        account, project = request.match_info["account"], request.match_info["project"]
        match self._keys.judge(request.headers.get("x-api-key"), account, project, self._desk.projects):
            case Access.UNKNOWN:
                return account, project, refusal(401, _NO_KEY)
            case Access.OTHER_PROJECT:
                return account, project, refusal(403, _OTHER_KEY)
            case Access.GRANTED:
                return account, project, None


def _status(handoff: Handoff, signal: Signal | None, caller: Whereabouts) -> HandoffStatus:
    return HandoffStatus(
        id=handoff.handoff_id,
        call_id=handoff.call_id,
        contact_id=handoff.contact_id,
        # Both are recorded in one transaction: where there is no signal now there will never be one.
        state="unsignalled" if signal is None else signal.state.value,
        caller=caller,
        attempts=[
            AttemptAnswer(
                began=attempt.began,
                ended=attempt.ended,
                outcome=attempt.outcome,
                status=attempt.status,
                detail=attempt.detail,
            )
            for attempt in (() if signal is None else signal.attempts)
        ],
    )


def _parsed(body: bytes) -> Any:  # noqa: ANN401 - any JSON
    return json.loads(body, parse_constant=_no_json)


def _no_json(constant: str) -> NoReturn:
    # Python would take it, and the desktop that reads it back would not (RFC 8259 section 6).
    raise ValueError(f"{constant} is not JSON")


def _fields(error: ValidationError) -> list[dict[str, str]]:
    return [
        {
            "field": ".".join(str(part) for part in mistake["loc"] if part != "[key]") or "body",
            "error": mistake["msg"].removeprefix("Value error, "),
        }
        for mistake in error.errors(include_url=False, include_context=False, include_input=False)
    ]
