# SPDX-License-Identifier: GPL-3.0-or-later
"""Walks a project's way to NICE CXone step by step, with the agent's own client, and names likely causes."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from email.utils import parsedate_to_datetime
from typing import Final

from agent.cli.causes import of_discovery, of_openid, of_signal, of_token_request
from agent.cli.findings import Finding, Health
from agent.cli.wording import span
from agent.core.errors import CxoneError
from agent.core.model import Project
from agent.core.model.cxone import CxoneTenant
from agent.cxone import claims
from agent.cxone.client import Cxone
from agent.cxone.discovery import Discovery
from agent.cxone.exchange import check_host
from agent.cxone.token_request import Credential, Token, request_token
from agent.names.names import Names
from agent.web.answer import Response
from agent.web.client import Client
from agent.web.request import Origin

_CONNECTIONS: Final = 4
_SKEW_NOTED: Final = 5.0
_SKEW_FAILED: Final = 60.0
_SHORT_TOKEN: Final = 300.0
_KEY_END: Final = "===="


class _Tap(Client):
    """Overhears the client's exchanges: how far the clocks differ, and what discovery said. No token."""

    def __init__(self, names: Names) -> None:
        super().__init__(names, _CONNECTIONS)
        self.skew: float | None = None
        self.document = b""

    async def request(self, to: Origin, request: bytes, *, seconds: float, limit: int) -> Response:
        """Send a request; see `Client.request`."""
        response = await super().request(to, request, seconds=seconds, limit=limit)
        with suppress(ValueError):
            date = parsedate_to_datetime(response.headers.get("Date", "")).timestamp()
            self.skew = time.time() - date
        if b"/.well-known/cxone-configuration" in request.partition(b" HTTP/1.1")[0]:
            self.document = response.body
        return response

    @property
    def area(self) -> str:
        """The tenant's area, such as ``na1``, when discovery names one."""
        try:
            area = json.loads(self.document).get("area", "")
        except (ValueError, AttributeError):
            return ""
        return area if isinstance(area, str) else ""


async def examine_tenant(
    project: Project, contact_id: str | None, parameters: Mapping[str, str]
) -> AsyncIterator[Finding]:
    """The steps of one project; those that need one that failed are left out.

    Args:
        project: whose way to NICE is walked.
        contact_id: a contact to signal in the end; None for none.
        parameters: what to signal, p1 to p9.
    """
    name = project.project
    if project.cxone is None:
        health = Health.FAILED if contact_id else Health.NOTE
        yield Finding(name, "configuration", health, "it has no cxone section: no signals are sent")
        return
    yield _configuration(name, project.cxone)
    async with Names() as names, _Tap(names) as tap:
        cxone = Cxone(tap)
        discovery = Discovery(tap, time.time)
        try:
            ready = True
            async for finding in _token_and_endpoint(name, project.cxone, discovery, tap):
                ready = ready and finding.health is not Health.FAILED
                yield finding
            if (clock := _clock(name, tap)) is not None:
                yield clock
            if contact_id and ready:
                yield await _signal(name, cxone, project, contact_id, parameters)
            elif contact_id:
                yield Finding(name, "signal", Health.FAILED, "not sent: an earlier step failed")
        finally:
            await discovery.aclose()
            await cxone.aclose()


def _configuration(name: str, cxone: CxoneTenant) -> Finding:
    said = f"business unit {cxone.business_unit}, API {cxone.api_version}, parameters in {cxone.parameters}"
    suspects = {
        "access_key_id": cxone.access_key_id,
        "access_key_secret": cxone.access_key_secret.get_secret_value(),
    }
    cut = [field for field, value in suspects.items() if not value.endswith(_KEY_END)]
    blank = [
        field
        for field, value in {**suspects, "client_secret": cxone.client_secret.get_secret_value()}.items()
        if value != value.strip() or not value.isprintable()
    ]
    if blank:
        cause = f"{' and '.join(blank)}: white space at the beginning or end"
        return Finding(name, "configuration", Health.FAILED, said, cause, "store the secret without it")
    if cut:
        cause = f"{' and '.join(cut)} {'does' if len(cut) == 1 else 'do'} not end in ====, as NICE's keys do"
        return Finding(
            name, "configuration", Health.NOTE, said, cause, "copy the whole key, with its equals signs"
        )
    return Finding(name, "configuration", Health.OK, said)


async def _token_and_endpoint(
    name: str, cxone: CxoneTenant, discovery: Discovery, tap: _Tap
) -> AsyncIterator[Finding]:
    try:
        check_host("cxone.issuer", cxone.issuer, cxone.allow_hosts)
    except CxoneError as error:
        yield Finding(name, "issuer", Health.FAILED, str(error))
        return
    yield Finding(name, "issuer", Health.OK, f"{cxone.issuer} is on the allow-list of hosts")
    try:
        endpoint = await discovery.token_endpoint(cxone)
    except CxoneError as error:
        yield Finding(name, "openid-configuration", Health.FAILED, str(error), *of_openid(error))
        return
    yield Finding(name, "openid-configuration", Health.OK, f"log-in is at {endpoint}")
    try:
        token = await request_token(tap, endpoint, Credential.of(cxone), cxone.timeout, time.time())
    except CxoneError as error:
        yield Finding(name, "token", Health.FAILED, str(error), *of_token_request(error, cxone))
        return
    yield _token(name, token)
    who = token.claims
    judged = _claims(name, who, cxone.business_unit)
    yield judged
    if judged.health is Health.FAILED:
        return
    try:
        api = await discovery.api_endpoint(cxone, who.issuer, who.tenant_id)
    except CxoneError as error:
        yield Finding(name, "cxone-configuration", Health.FAILED, str(error), *of_discovery(error))
        return
    area = f", area {tap.area}" if tap.area else ""
    yield Finding(name, "cxone-configuration", Health.OK, f"the API is at {api}{area}")


def _claims(name: str, who: claims.Claims, business_unit: str) -> Finding:
    try:
        claims.check_business_unit(who, business_unit)
    except CxoneError as error:
        return Finding(
            name,
            "claims",
            Health.FAILED,
            str(error),
            "the access key is of another customer, or business_unit is wrong",
            "correct cxone.business_unit, or take the key of the right business unit",
        )
    said = f"tenant {who.tenant_id}, business unit {who.business_unit or 'not stated'}, issuer {who.issuer}"
    return Finding(name, "claims", Health.OK, said)


def _token(name: str, token: Token) -> Finding:
    lifetime = token.expires - token.born
    said = f"issued; valid for {span(lifetime)}"
    if lifetime < _SHORT_TOKEN:
        return Finding(
            name,
            "token",
            Health.NOTE,
            said,
            "this tenant's tokens are short-lived",
            "expect a log-in that often; ask NICE whether that is intended",
        )
    return Finding(name, "token", Health.OK, said)


def _clock(name: str, tap: _Tap) -> Finding | None:
    if tap.skew is None:
        return None
    off = abs(tap.skew)
    said = f"this machine is {span(off)} {'ahead of' if tap.skew > 0 else 'behind'} NICE"
    if off < _SKEW_NOTED:
        return Finding(name, "clock", Health.OK, "this machine and NICE agree within seconds")
    health = Health.FAILED if off >= _SKEW_FAILED else Health.NOTE
    return Finding(name, "clock", health, said, "no time service runs", "start chrony or systemd-timesyncd")


async def _signal(
    name: str, cxone: Cxone, project: Project, contact_id: str, parameters: Mapping[str, str]
) -> Finding:
    began = time.monotonic()
    answer = await cxone.signal(project, contact_id, parameters)
    took = span(time.monotonic() - began)
    said = " ".join(
        part for part in (f"HTTP {answer.status}" if answer.status else "", answer.detail) if part
    )
    if answer.accepted:
        text = f"NICE accepted the signal for contact {contact_id} ({said}) after {took}"
        return Finding(name, "signal", Health.OK, text)
    text = f"contact {contact_id}: {said or answer.outcome.value} after {took}"
    return Finding(name, "signal", Health.FAILED, text, *of_signal(answer))
