# SPDX-License-Identifier: GPL-3.0-or-later
"""The identity server: OpenID document, keys, token endpoint, and the regional access-key endpoint."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote

from aiohttp import web

from agent.simulators.cxone.faults import suffer
from agent.simulators.cxone.knobs import Tenant
from agent.simulators.cxone.tokens import key_set
from agent.simulators.cxone.world import World, base_url

_FORM: Final = "application/x-www-form-urlencoded"
_GRANTS: Final = ("password", "refresh_token")


class _Refused(Exception):  # noqa: N818 - an answer of the protocol, not a fault of the program
    def __init__(self, status: int, error: str, description: str = "") -> None:
        super().__init__(error)
        self.status, self.error, self.description = status, error, description


class Identity:
    """The endpoints of host A (issuer) and B (region)."""

    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[web.RouteDef]:
        """What to serve where."""
        return [
            web.get("/.well-known/openid-configuration", self._openid),
            web.get("/auth/jwks", self._jwks),
            web.route("*", "/auth/token", self._token),
            web.route("*", "/authentication/v1/token/access-key", self._access_key),
        ]

    async def _openid(self, request: web.Request) -> web.StreamResponse:
        fault = self._world.fault("openid")
        if fault is not None and (answer := await suffer(fault, request)) is not None:
            return answer
        issuer = base_url(request)
        return web.json_response(
            {
                "issuer": issuer,
                "authorization_endpoint": f"{issuer}/auth/authorize",
                "token_endpoint": (fault.api_endpoint if fault else "") or f"{issuer}/auth/token",
                "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
                "token_endpoint_auth_signing_alg_values_supported": ["RS256"],
                "end_session_endpoint": f"{issuer}/auth/logout",
                "jwks_uri": f"{issuer}/auth/jwks",
                "scopes_supported": ["openid"],
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "request_object_signing_alg_values_supported": ["RS256"],
                "display_values_supported": ["page"],
                "claim_types_supported": ["normal"],
                "code_challenge_methods_supported": ["S256"],
            }
        )

    async def _jwks(self, request: web.Request) -> web.StreamResponse:
        fault = self._world.fault("jwks")
        if fault is not None and (answer := await suffer(fault, request)) is not None:
            return answer
        return web.json_response(key_set())

    async def _token(self, request: web.Request) -> web.StreamResponse:
        if request.method != "POST":
            return web.Response(status=405, headers={"Allow": "POST"})
        return await self._grant(request, "token")

    async def _access_key(self, request: web.Request) -> web.StreamResponse:
        if request.method != "POST":
            return web.Response(status=405, headers={"Allow": "POST"})
        return await self._grant(request, "access_key")

    async def _grant(self, request: web.Request, target: str) -> web.StreamResponse:
        mint = self._world.mint
        mint.requests += 1
        fault = self._world.fault(target)
        if fault is not None and (answer := await suffer(fault, request)) is not None:
            mint.refusals[fault.error or fault.mode] += 1
            return answer
        try:
            tenant = await (self._by_form(request) if target == "token" else self._by_key(request))
        except _Refused as refused:
            mint.refusals[refused.error] += 1
            return _refusal(refused)
        tokens = mint.issue(tenant, base_url(request), self._world.knobs)
        if target == "access_key":
            tokens["resource_server_base_uri"] = f"{base_url(request)}/inContactAPI/"
        return web.json_response(tokens, headers={"Cache-Control": "no-store"})

    async def _by_form(self, request: web.Request) -> Tenant:
        """The checks of the token endpoint, in NICE's order as far as it is known."""
        if request.content_type != _FORM:
            raise _Refused(400, "invalid_request", "content type must be " + _FORM)
        form = {name: str(value) for name, value in (await request.post()).items()}
        grant = form.get("grant_type", "")
        if grant not in _GRANTS:
            raise _Refused(400, "unsupported_grant_type")
        if grant == "refresh_token":
            return self._by_refresh_token(form)
        app = self._application(request, form)
        if not form.get("username") or not form.get("password"):
            raise _Refused(400, "invalid_request", "username and password are needed")
        tenant = self._world.tenant_of_key(form["username"], form["password"])
        if tenant is None:
            raise self._invalid_grant()
        if not self._world.knobs.app_allows_tenant or tenant.client_id != app.client_id:
            raise _Refused(401, "invalid_client", "the application does not belong to this tenant")
        return tenant

    def _by_refresh_token(self, form: Mapping[str, str]) -> Tenant:
        tenant = self._world.mint.refreshed(form.get("refresh_token", ""))
        if tenant is None or tenant.client_id != form.get("client_id"):
            raise self._invalid_grant()
        return tenant

    async def _by_key(self, request: web.Request) -> Tenant:
        try:
            body = json.loads(await request.text())
        except ValueError:
            body = None
        if request.content_type != "application/json" or not isinstance(body, dict):
            raise _Refused(401, "invalid_grant", "a JSON body with the access key is needed")
        tenant = self._world.tenant_of_key(
            str(body.get("accessKeyId", "")), str(body.get("accessKeySecret", ""))
        )
        if tenant is None:
            raise _Refused(401, "invalid_grant", "the access key is not valid")
        return tenant

    def _application(self, request: web.Request, form: Mapping[str, str]) -> Tenant:
        basic = self._basic(request)
        client_id, secret = basic or (form.get("client_id", ""), form.get("client_secret", ""))
        app = self._world.tenant_of_client(client_id, secret)
        if app is None or not self._world.knobs.app_enabled:
            raise _Refused(401, "invalid_client", "client authentication failed")
        return app

    def _basic(self, request: web.Request) -> tuple[str, str] | None:
        scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return None
        try:
            name, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        if self._world.knobs.basic_percent_decode:
            return unquote(name), unquote(secret)
        return name, secret

    def _invalid_grant(self) -> _Refused:
        return _Refused(
            self._world.knobs.invalid_grant_status, "invalid_grant", "the access key is not valid"
        )


def _refusal(refused: _Refused) -> web.Response:
    body = {"error": refused.error}
    if refused.description:
        # NICE's specification spells it in camel case, RFC 6749 section 5.2 does not; the knob that turns the
        # status of invalid_grant to the RFC's turns the spelling as well
        by_rfc = refused.error == "invalid_grant" and refused.status == 400  # noqa: PLR2004
        body["error_description" if by_rfc else "errorDescription"] = refused.description
    headers = {"Cache-Control": "no-store"}
    if refused.error == "invalid_client":
        headers["WWW-Authenticate"] = "Basic"
    return web.json_response(body, status=refused.status, headers=headers)
