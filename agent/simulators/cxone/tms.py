# SPDX-License-Identifier: GPL-3.0-or-later
"""The transcript endpoint (TMS)."""

from __future__ import annotations

import json

from aiohttp import web

from agent.simulators.cxone.faults import suffer
from agent.simulators.cxone.world import World


class Tms:
    """``POST /aai/tms/transcripts/post``."""

    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[web.RouteDef]:
        """What to serve where."""
        return [web.post("/aai/tms/transcripts/post", self._post)]

    async def _post(self, request: web.Request) -> web.StreamResponse:
        fault = self._world.fault("tms")
        if fault is not None and (answer := await suffer(fault, request)) is not None:
            return answer
        knobs = self._world.knobs
        if self._world.mint.recognise(request.headers.get("Authorization", ""), knobs) is None:
            if knobs.tms_expired_as_400:
                return web.json_response({"message": "The token has expired"}, status=400)
            return web.Response(status=401, headers={"icStatusDescription": "Unauthorized"})
        if not knobs.app_has_admin_api or not knobs.employee_permitted:
            return web.Response(status=403, headers={"icStatusDescription": "Forbidden"})
        if not _all_text(await request.text()):
            return web.json_response({"message": "messageBody must be a string"}, status=400)
        if "Accept" not in request.headers:
            return web.Response(text="No known way to render data")
        return web.json_response({"result": "accepted"})


def _all_text(body: str) -> bool:
    try:
        lines = json.loads(body)["selfServiceSessionDetails"]["transcripts"]
        return all(isinstance(line["messageBody"], str) for line in lines)
    except (ValueError, TypeError, KeyError):
        return False
