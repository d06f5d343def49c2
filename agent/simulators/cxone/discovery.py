# SPDX-License-Identifier: GPL-3.0-or-later
"""API discovery: which hosts serve a tenant."""

from __future__ import annotations

from aiohttp import web

from agent.simulators.cxone.faults import Fault, suffer
from agent.simulators.cxone.world import World, base_url


class Discovery:
    """``GET /.well-known/cxone-configuration[?tenantId=]``, without log-in."""

    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[web.RouteDef]:
        """What to serve where."""
        return [web.get("/.well-known/cxone-configuration", self._configuration)]

    async def _configuration(self, request: web.Request) -> web.StreamResponse:
        fault = self._world.fault("discovery")
        if fault is not None and (answer := await suffer(fault, request)) is not None:
            return answer
        own = base_url(request)
        tenant_id = request.query.get("tenantId")
        tenant = self._world.tenants.get(tenant_id) if tenant_id else None
        if tenant_id and tenant is None:
            return web.json_response({"error": "tenant not found"}, status=404)
        document: dict[str, object] = {
            "private": False,
            "ui_endpoint": own,
            "auth_endpoint": own,
            "api_endpoint": own,
            "domain": "niceincontact.com",
            "uhDomain": "nice-incontact.com",
        }
        if tenant is not None:
            document |= {
                "api_endpoint": tenant.api_endpoint or own,
                "area": tenant.area,
                "cluster": tenant.cluster,
                "acdDomain": "incontact.com",
                "tenantId": tenant.tenant_id,
                "globaldomain": "niceincontact.com",
            }
        return web.json_response(_spoilt(document, fault))


def _spoilt(document: dict[str, object], fault: Fault | None) -> dict[str, object]:
    if fault is not None and fault.mode == "no_api_endpoint":
        del document["api_endpoint"]
    if fault is not None and fault.mode == "migrate":
        document["api_endpoint"] = fault.api_endpoint
    return document
