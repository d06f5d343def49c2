# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds out where to ask: the issuer's token endpoint and the tenant's ``api_endpoint``.

``{issuer}/.well-known/openid-configuration`` and ``{iss}/.well-known/cxone-configuration?tenantId=…`` (NICE
Agent SDK). Both are kept for an hour; when fetching anew fails, the last good one stays in use.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Final
from urllib.parse import quote

from agent.core.errors import CxoneError
from agent.core.model.cxone import CxoneTenant
from agent.cxone.exchange import check_host, fetch
from agent.web.client import Client
from agent.web.last_good import LastGood

_LIFETIME: Final = 3600.0
_API_SUFFIX: Final = re.compile(r"(/incontactapi)?/*$", re.IGNORECASE)


class Discovery:
    """The endpoints of all issuers and tenants; lives on the event loop."""

    def __init__(self, session: Client, clock: Callable[[], float]) -> None:
        self._session, self._clock = session, clock
        self._token_endpoints: dict[str, LastGood[str]] = {}
        self._api_endpoints: dict[tuple[str, str], LastGood[str]] = {}

    async def token_endpoint(self, cxone: CxoneTenant) -> str:
        """Where to ask for a token.

        Raises:
            CxoneError: it can't be found out, or is on a host that is not to be trusted.
        """
        check_host("cxone.issuer", cxone.issuer, cxone.allow_hosts)
        kept = self._token_endpoints.get(cxone.issuer)
        if kept is None:
            issuer, timeout = cxone.issuer, cxone.timeout
            kept = LastGood(lambda: self._fetch_token_endpoint(issuer, timeout), _LIFETIME, self._clock)
            self._token_endpoints[issuer] = kept
        endpoint = await kept.get()
        check_host("the issuer's token_endpoint", endpoint, cxone.allow_hosts)
        return endpoint

    async def api_endpoint(self, cxone: CxoneTenant, issuer: str, tenant_id: str) -> str:
        """Where the tenant's Signal API is.

        Args:
            cxone: the project's settings.
            issuer: the ``iss`` of the id_token.
            tenant_id: its ``tenantId``.

        Raises:
            CxoneError: it can't be found out, or is on a host that is not to be trusted.
        """
        check_host("the id_token's iss", issuer, cxone.allow_hosts)
        kept = self._api_endpoints.get((issuer, tenant_id))
        if kept is None:
            timeout = cxone.timeout
            kept = LastGood(
                lambda: self._fetch_api_endpoint(issuer, tenant_id, timeout), _LIFETIME, self._clock
            )
            self._api_endpoints[issuer, tenant_id] = kept
        endpoint = await kept.get()
        check_host("the tenant's api_endpoint", endpoint, cxone.allow_hosts)
        return endpoint

    def at_hand(self, issuer: str, tenant_id: str) -> bool:
        """Whether the tenant's endpoint is known, so that nobody would wait for it."""
        kept = self._api_endpoints.get((issuer, tenant_id))
        return kept is not None and kept.at_hand() is not None

    def doubt(self, issuer: str, tenant_id: str) -> None:
        """Say that a tenant's endpoint may have moved; the next one who asks has it looked up anew."""
        kept = self._api_endpoints.get((issuer, tenant_id))
        if kept is not None:
            kept.doubt()

    async def aclose(self) -> None:
        """End look-ups under way."""
        everything = (*self._token_endpoints.values(), *self._api_endpoints.values())
        tasks = [task for kept in everything if (task := kept.cancel()) is not None]
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _fetch_token_endpoint(self, issuer: str, timeout: float) -> str:  # noqa: ASYNC109 - as in fetch
        url = f"{issuer}/.well-known/openid-configuration"
        document = await fetch(
            self._session, "the issuer's openid-configuration", url, timeout, now=self._clock()
        )
        return _text(document, "token_endpoint", "the issuer's openid-configuration")

    async def _fetch_api_endpoint(self, issuer: str, tenant_id: str, timeout: float) -> str:  # noqa: ASYNC109
        url = f"{issuer}/.well-known/cxone-configuration?tenantId={quote(tenant_id, safe='')}"
        document = await fetch(self._session, "the tenant's discovery", url, timeout, now=self._clock())
        return _API_SUFFIX.sub("", _text(document, "api_endpoint", "the tenant's discovery"))


def _text(document: dict[str, object], name: str, what: str) -> str:
    value = document.get(name)
    if not isinstance(value, str) or not value:
        error = CxoneError(f"{what} names no {name}")
        error.retryable = True
        raise error
    return value
