# SPDX-License-Identifier: GPL-3.0-or-later
"""The handoff API: voice agents hand callers back here, and desktops fetch what was said."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from aiohttp import web
from pydantic import BaseModel

from agent.core.moments import Moment
from agent.core.neighbours import patience
from agent.core.reasons import End
from agent.core.records import Handoff, Signal, Whereabouts
from agent.core.trace_context import HEADER, parent_of
from agent.delivery.queries import SignalQuery
from agent.http import bodies, waiting
from agent.http.cors import add_preflight, cors
from agent.http.errors import FACTS, RefusalError, json_errors
from agent.http.gate import Gate
from agent.http.models import (
    AttemptAnswer,
    FieldWarning,
    HandoffAnswer,
    HandoffRequest,
    HandoffState,
    HandoffStatus,
    TranscriptAnswer,
    TranscriptRequest,
)
from agent.http.neighbours import Neighbours
from agent.http.observing import Count, observed
from agent.http.openapi import HANDOFF, HANDOFF_STATE, HANDOFFS, OPENAPI, TRANSCRIPT, document
from agent.http.ports import (
    AlreadyEnded,
    AlreadyPosted,
    ApiDesk,
    HandoffAccepted,
    NoMasterContact,
    NoSuchCall,
    NotAnswered,
    NotConfigured,
    OnOtherNode,
    TranscriptAccepted,
)

HANDOFF_BYTES: Final = 64 * 1024
TRANSCRIPT_BYTES: Final = 1024 * 1024
_LONGEST_KEY: Final = 256
_ROUTES: Final = {
    OPENAPI: "document",
    HANDOFFS: "hand_off",
    HANDOFF: "status",
    HANDOFF_STATE: "state",
    TRANSCRIPT: "transcript",
}
_READABLE: Final = (HANDOFF, HANDOFF_STATE)
_NO_HANDOFF: Final = "there is no such handoff"
_NO_CALL: Final = "no such call is up"
_CAME_BEFORE: Final[dict[End | None, str]] = {
    End.HANDOFF: "the call's terminal moment came before: handoff, it was handed off already",
    End.COMPLETED: "the call's terminal moment came before: completed, the voice agent hung up",
    End.FAILED: "the call's terminal moment came before: failed",
    End.CALLER: "the call is over: the caller hung up before",
    None: "the call is not up on this node: another one has it, or it is over",
}


def _uncounted(_project: str, _route: str, _status: int) -> None:
    return


def api_app(
    desk: ApiDesk,
    *,
    origins: Sequence[str] = (),
    count: Count = _uncounted,
    clock: Callable[[], float] = time.monotonic,
    waits_at_most: int = waiting.AT_MOST,
    neighbours: Neighbours | None = None,
) -> web.Application:
    """The application of the API listener.

    Args:
        desk: the running agent.
        origins: of desktop pages that may read handoffs (``http.origins``).
        count: told of each answer: project, route, status.
        clock: seconds that never run backwards, for rates.
        waits_at_most: requests of one project that may wait (``?wait=``) at the same time.
        neighbours: the other nodes of the fleet, which are asked about calls of theirs; None: none are.
    """
    waits = waiting.Waits(desk.bell, waits_at_most)
    routes = _Routes(desk, Gate(desk, clock), waits, neighbours)
    app = web.Application(middlewares=[observed(_ROUTES, count), cors(origins, _READABLE), json_errors])
    app.router.add_get(OPENAPI, routes.openapi, allow_head=False)
    app.router.add_post(HANDOFFS, routes.admitted(routes.hand_off))
    app.router.add_get(HANDOFF, routes.admitted(routes.handoff), allow_head=False)
    add_preflight(app, HANDOFF, origins)
    app.router.add_get(HANDOFF_STATE, routes.admitted(routes.handoff_state), allow_head=False)
    add_preflight(app, HANDOFF_STATE, origins)
    app.router.add_post(TRANSCRIPT, routes.admitted(routes.transcript))

    async def end_waits(_app: web.Application) -> None:
        waits.close()

    app.on_shutdown.append(end_waits)
    return app


class _Routes:
    def __init__(
        self, desk: ApiDesk, gate: Gate, waits: waiting.Waits, neighbours: Neighbours | None
    ) -> None:
        self._desk = desk
        self._neighbours = neighbours
        self._gate = gate
        self._waits = waits
        self._document = document()

    def admitted(
        self, handler: Callable[[web.Request, str, str], Awaitable[web.Response]]
    ) -> Callable[[web.Request], Awaitable[web.Response]]:
        """The handler behind the gate; it is given account and project."""

        async def admit(request: web.Request) -> web.Response:
            account, project = request.match_info["account"], request.match_info["project"]
            by_node = "" if self._neighbours is None else self._neighbours.asker(request)
            if by_node:  # it has judged key and rate already
                request[FACTS].update(project=project, forwarded_by=by_node)
                return await handler(request, account, project)
            self._gate.admit(request.remote or "", request.headers.get("x-api-key"), account, project)
            request[FACTS]["project"] = project
            self._gate.pace(project)
            return await handler(request, account, project)

        return admit

    async def openapi(self, _request: web.Request) -> web.Response:
        return web.json_response(self._document)

    async def hand_off(self, request: web.Request, account: str, project: str) -> web.Response:
        wait = waiting.wanted(request)
        asked = await bodies.read(request, HandoffRequest, HANDOFF_BYTES)
        _names(request, asked.call_id)
        parent = parent_of(request.headers.getall(HEADER, ()))
        match await self._desk.hand_off(account, project, asked, wait, parent):
            case HandoffAccepted(handoff_id, state, caller, warnings):
                request[FACTS]["handoff_id"] = handoff_id
                answer = HandoffAnswer(id=handoff_id, state=state, caller=caller)
                answer.warnings = [FieldWarning(field=name, warning=text) for name, text in warnings]
                return web.json_response(answer.model_dump(mode="json", exclude_defaults=True), status=202)
            case NoSuchCall():
                raise RefusalError(404, _NO_CALL)
            case NotAnswered():
                raise RefusalError(409, "no voice agent has answered this call yet")
            case AlreadyEnded(end, handoff_id):
                raise RefusalError(409, _CAME_BEFORE[end], handoff_id=handoff_id)
            case OnOtherNode(node, decision):
                return await self._handed_off_by(node, request, patience(wait, decision))

    async def _handed_off_by(self, node: str, request: web.Request, seconds: float) -> web.Response:
        """What another node answers to this request; never asked by one that was asked by a node."""
        if self._neighbours is None:
            raise RefusalError(409, _CAME_BEFORE[None])
        if "forwarded_by" in request[FACTS]:
            raise self._neighbours.loop(node, "api")
        body = request[bodies.BODY]
        return await self._neighbours.forward(request, node, "api", seconds=seconds, body=body)

    async def handoff(self, request: web.Request, account: str, project: str) -> web.Response:
        handoff_id = _key(request.match_info["id"], "id")
        first: list[HandoffStatus | None] = []
        about = {handoff_id}

        async def look() -> HandoffStatus | None:
            found = await self._status(account, project, handoff_id)
            first.append(found)
            if found is not None:
                about.add(found.call_id)
                _names(request, found.call_id)
            return found

        def done(found: HandoffStatus | None) -> bool:
            return found is not None and (_final(found) or found != first[0])

        found = await self._waits.until(
            request, project, look, done, seconds=waiting.wanted(request), about=about
        )
        if found is None:
            raise RefusalError(404, _NO_HANDOFF)
        return _json(found)

    async def handoff_state(self, request: web.Request, account: str, project: str) -> web.Response:
        handoff_id, shared_id = (
            _key(request.query.get(name, "").strip(), name) for name in ("id", "shared_id")
        )
        if not handoff_id and not shared_id:
            raise RefusalError(400, "id or shared_id is needed")

        async def look() -> Handoff | None:
            return await self._desk.states.handoff_by_key(
                account, project, handoff_id=handoff_id, shared_id=shared_id
            )

        ids = {handoff_id, shared_id} - {""}
        seconds = waiting.wanted(request)
        found = await self._waits.until(
            request, project, look, lambda found: found is not None, seconds=seconds, about=ids
        )
        if found is None:
            raise RefusalError(404, "nothing is stored under this key")
        state = HandoffState(id=found.handoff_id, data=dict(found.data), shared_id=found.shared_id or None)
        return web.json_response({name: value for name, value in state if value is not None})

    async def transcript(self, request: web.Request, account: str, project: str) -> web.Response:
        asked = await bodies.read(request, TranscriptRequest, TRANSCRIPT_BYTES)
        _names(request, asked.call_id)
        match await self._desk.transcript(account, project, asked):
            case TranscriptAccepted(transcript_id, state):
                request[FACTS]["transcript_id"] = transcript_id
                return _json(TranscriptAnswer(id=transcript_id, state=state), 202)
            case NoSuchCall():
                raise RefusalError(404, "there is no such call")
            case NotConfigured():
                raise RefusalError(409, "the project posts no transcripts")
            case AlreadyPosted():
                raise RefusalError(409, "a transcript of this contact was taken before")
            case NoMasterContact():
                raise RefusalError(409, "the call came without a master contact id")

    async def _status(self, account: str, project: str, handoff_id: str) -> HandoffStatus | None:
        states = self._desk.states
        found = await states.handoff(handoff_id)
        if found is None or (found.account, found.project) != (account, project):
            return None
        signals = await states.signals(SignalQuery(found.call_id, moment=Moment.HANDOFF))
        return _told(found, next(iter(signals), None), await self._desk.whereabouts(found.call_id))


def _names(request: web.Request, call_id: str) -> None:
    """The request is about this call, if it says which."""
    if call_id:
        request[FACTS]["call_id"] = call_id


def _told(handoff: Handoff, signal: Signal | None, caller: Whereabouts) -> HandoffStatus:
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


def _final(status: HandoffStatus) -> bool:
    return status.state not in ("recorded", "sending")


def _key(value: str, name: str) -> str:
    """A key to look under.

    Raises:
        RefusalError: 422, no key is like it, and not every storage can be asked for it.
    """
    if len(value) > _LONGEST_KEY or not value.isprintable():
        text = f"is longer than {_LONGEST_KEY} characters, or holds some that can't be printed"
        raise RefusalError(422, f"{name} {text}", fields=[{"field": name, "error": text}])
    return value


def _json(answer: BaseModel, status: int = 200) -> web.Response:
    return web.json_response(answer.model_dump(mode="json"), status=status)
