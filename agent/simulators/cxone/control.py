# SPDX-License-Identifier: GPL-3.0-or-later
"""The simulator's own control API under ``/simulator/``; the package docstring describes it."""

from __future__ import annotations

import json

from aiohttp import web
from pydantic import BaseModel, ConfigDict, ValidationError

from agent.simulators.cxone.faults import Fault
from agent.simulators.cxone.knobs import Tenant
from agent.simulators.cxone.ledger import WHOLE, Ledger, Transcripts
from agent.simulators.cxone.studio import ContactState, Script
from agent.simulators.cxone.world import World


class _ContactEdit(BaseModel):
    model_config = ConfigDict(extra="forbid")

    state: ContactState | None = None
    script: Script | None = None
    tenant: str | None = None


class Control:
    """Reads the ledger, switches faults, turns knobs, places contacts."""

    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[web.RouteDef]:
        """What to serve where."""
        return [
            web.get("/simulator/signals", self._signals),
            web.get("/simulator/transcripts", self._transcripts),
            web.get("/simulator/counts", self._counts),
            web.get("/simulator/tokens", self._tokens),
            web.delete("/simulator/tokens", self._revoke),
            web.get("/simulator/faults", self._faults),
            web.put("/simulator/faults", self._put_faults),
            web.delete("/simulator/faults", self._clear_faults),
            web.get("/simulator/knobs", self._knobs),
            web.put("/simulator/knobs", self._put_knobs),
            web.delete("/simulator/knobs", self._restore_knobs),
            web.get("/simulator/contacts/{contact_id}", self._contact),
            web.put("/simulator/contacts/{contact_id}", self._put_contact),
            web.put("/simulator/tenants/{tenant_id}", self._put_tenant),
            web.post("/simulator/reset", self._reset),
        ]

    async def _signals(self, request: web.Request) -> web.Response:
        return _entries(request, self._world.ledger)

    async def _transcripts(self, request: web.Request) -> web.Response:
        return _entries(request, self._world.transcripts)

    async def _counts(self, _: web.Request) -> web.Response:
        return web.json_response(self._world.ledger.counts() | self._world.transcripts.counts())

    async def _tokens(self, _: web.Request) -> web.Response:
        return web.json_response(self._world.mint.counts())

    async def _revoke(self, _: web.Request) -> web.Response:
        self._world.mint.revoke_all()
        return web.json_response(self._world.mint.counts())

    async def _faults(self, _: web.Request) -> web.Response:
        return web.json_response(self._world.faults.listing())

    async def _put_faults(self, request: web.Request) -> web.Response:
        try:
            wanted = await _document(request)
            faults = {
                target: [Fault.model_validate(one) for one in _several(given)]
                for target, given in wanted.items()
            }
            for target, several in faults.items():
                self._world.faults.put(target, several)
        except ValueError as error:
            return _wrong(_one_line(error))
        return await self._faults(request)

    async def _clear_faults(self, request: web.Request) -> web.Response:
        self._world.faults.clear()
        return await self._faults(request)

    async def _knobs(self, _: web.Request) -> web.Response:
        return web.json_response(self._world.knobs.model_dump())

    async def _put_knobs(self, request: web.Request) -> web.Response:
        try:
            self._world.turn(await _document(request))
        except ValueError as error:
            return _wrong(_one_line(error))
        return await self._knobs(request)

    async def _restore_knobs(self, request: web.Request) -> web.Response:
        self._world.restore_knobs()
        return await self._knobs(request)

    async def _contact(self, request: web.Request) -> web.Response:
        contact = self._world.studio.look(request.match_info["contact_id"])
        if contact is None:
            return web.json_response({"error_message": "no such contact was placed or signalled"}, status=404)
        return web.json_response(contact.listing())

    async def _put_contact(self, request: web.Request) -> web.Response:
        try:
            edit = _ContactEdit.model_validate(await _document(request))
        except ValueError as error:
            return _wrong(_one_line(error))
        contact = self._world.studio.place(request.match_info["contact_id"])
        contact.state = edit.state or contact.state
        contact.script = edit.script or contact.script
        contact.tenant = edit.tenant or contact.tenant
        return web.json_response(contact.listing())

    async def _put_tenant(self, request: web.Request) -> web.Response:
        tenant_id = request.match_info["tenant_id"]
        try:
            given = await _document(request)
            known = self._world.tenants.get(tenant_id, Tenant(tenant_id=tenant_id))
            tenant = Tenant.model_validate(known.model_dump() | given | {"tenant_id": tenant_id})
        except ValueError as error:
            return _wrong(_one_line(error))
        self._world.tenants[tenant_id] = tenant
        return web.json_response(tenant.model_dump(exclude={"client_secret", "access_key_secret"}))

    async def _reset(self, _: web.Request) -> web.Response:
        self._world.reset()
        return web.json_response({"state": "reset"})


def _entries(request: web.Request, ledger: Ledger | Transcripts) -> web.Response:
    """The entries that a query asks for: ``contact_id``, ``after`` and ``limit``."""
    try:
        after = int(request.query.get("after", "0"))
        limit = max(0, int(request.query.get("limit", str(WHOLE))))
    except ValueError:
        return _wrong("after and limit are whole numbers")
    return web.json_response(ledger.entries(request.query.get("contact_id"), after, min(limit, WHOLE)))


async def _document(request: web.Request) -> dict[str, object]:
    text = await request.text()
    document = json.loads(text) if text else {}
    if not isinstance(document, dict):
        raise ValueError("a JSON object is wanted")  # noqa: TRY004 - the callers answer every ValueError alike
    return document


def _several(given: object) -> list[object]:
    if given is None:
        return []
    return given if isinstance(given, list) else [given]


def _one_line(error: ValueError) -> str:
    if isinstance(error, ValidationError):
        return "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
    return str(error)


def _wrong(text: str) -> web.Response:
    return web.json_response({"error_message": text}, status=400)
