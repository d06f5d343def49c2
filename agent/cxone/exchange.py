# SPDX-License-Identifier: GPL-3.0-or-later
"""One HTTP exchange: what session to use, one POST and its outcome, JSON from NICE or a clear error."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Final

import aiohttp
from yarl import URL

from agent.core.errors import CxoneError
from agent.core.hosts import allowed
from agent.core.outcomes import Answer
from agent.cxone.answers import of_failure, redacted, retry_after
from agent.cxone.lookups import Lookups
from agent.cxone.wire import Wire

_LONGEST_BODY: Final = 1_048_576
_BEGINNING: Final = 65_536
_CONNECTIONS: Final = 256
_OK: Final = 200


class ExchangeError(CxoneError):
    """An exchange that brought no usable document.

    ``status`` is the HTTP status if there was one, ``error`` the OAuth error code if it named one,
    ``pause`` the seconds that Retry-After asked for.
    """

    def __init__(
        self, text: str, status: int | None = None, error: str = "", pause: float | None = None
    ) -> None:
        super().__init__(text)
        self.status, self.error, self.pause = status, error, pause
        self.retryable = True


def new_session() -> aiohttp.ClientSession:
    """A session as the agent wants it for NICE: no cookies shared between tenants, no proxies by surprise."""
    return _session(aiohttp.TCPConnector(limit=_CONNECTIONS, ttl_dns_cache=60))


def new_session_apart() -> aiohttp.ClientSession:
    """A session for webhooks and transcripts: what hangs there takes nothing that a signal needs.

    It has connections of its own, which the courier bounds by project, and threads of its own for names.
    """
    return _session(aiohttp.TCPConnector(limit=0, ttl_dns_cache=60, resolver=Lookups()))


def _session(connector: aiohttp.BaseConnector) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False)


def check_host(what: str, url: str, allow_hosts: Collection[str]) -> None:
    """Make sure that bytes may be sent to a URL.

    Raises:
        CxoneError: its host is not to be trusted.
    """
    objection = allowed(url, allow_hosts)
    if objection is not None:
        raise CxoneError(f"{what}: {objection}")


async def fetch(
    session: aiohttp.ClientSession,
    what: str,
    url: str,
    timeout: float,  # noqa: ASYNC109 - aiohttp applies it
    *,
    now: float,
    form: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    secrets: Collection[str] = (),
) -> dict[str, object]:
    """GET a JSON object, or POST a form for one. Redirects are not followed.

    Args:
        session: to send with.
        what: the document's name, for errors.
        url: where; checked before by `check_host`.
        timeout: seconds for all of it.
        now: seconds since the epoch.
        form: what to POST.
        headers: more headers.
        secrets: texts that must not show up in an error.

    Raises:
        ExchangeError: no connection, another status than 200, or no JSON object.
    """
    sent = {"Accept": "application/json"} | dict(headers or {})
    wire = Wire()
    try:
        response, body = await _exchanged(
            session, URL(url, encoded=True), form, sent, timeout=timeout, wire=wire
        )
    except (aiohttp.ClientError, OSError, ValueError) as error:
        failure = of_failure(error, may_have_left=wire.may_have_left)
        raise ExchangeError(f"{what}: {failure.detail}") from None
    document = _document(body)
    if response.status != _OK:
        raise _refusal(what, response, document, now, secrets)
    if document is None:
        page = " but a web page" if body.lstrip().startswith("<") else ""
        raise ExchangeError(f"{what}: the answer is no JSON document{page}", response.status)
    return document


async def post(
    session: aiohttp.ClientSession,
    url: str,
    body: bytes | None,
    *,
    headers: Mapping[str, str],
    timeout: float,  # noqa: ASYNC109 - aiohttp applies it
    read: Callable[[aiohttp.ClientResponse], Awaitable[Answer]],
) -> Answer:
    """POST once. Redirects are not followed.

    Args:
        session: to send with; watched (`agent.cxone.wire.watch`).
        url: percent-encoded.
        body: to send.
        headers: all but those that HTTP itself needs.
        timeout: seconds for all of it.
        read: says what an answer means.

    Returns:
        That, or what it means that none came. Nothing that the other side or the network does is raised.
    """
    wire = Wire()
    try:
        async with session.post(
            URL(url, encoded=True),
            data=body,
            headers=headers,
            timeout=aiohttp.ClientTimeout(total=timeout),
            allow_redirects=False,
            trace_request_ctx=wire,
        ) as response:
            return await read(response)
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return of_failure(error, may_have_left=wire.may_have_left)


async def _exchanged(
    session: aiohttp.ClientSession,
    url: URL,
    form: Mapping[str, str] | None,
    headers: Mapping[str, str],
    *,
    timeout: float,  # noqa: ASYNC109 - aiohttp applies it
    wire: Wire,
) -> tuple[aiohttp.ClientResponse, str]:
    async with session.request(
        "GET" if form is None else "POST",
        url,
        data=form,
        headers=headers,
        timeout=aiohttp.ClientTimeout(total=timeout),
        allow_redirects=False,
        trace_request_ctx=wire,
    ) as response:
        return response, await read_text(response, _LONGEST_BODY)


async def beginning(response: aiohttp.ClientResponse) -> str:
    """The body, as far as it is worth reading; a status that came counts even when the body breaks off."""
    try:
        return await read_text(response, _BEGINNING)
    except (aiohttp.ClientError, OSError):
        return ""


async def read_text(response: aiohttp.ClientResponse, limit: int) -> str:
    """The body of an answer as text, or its first ``limit`` bytes."""
    parts, length = [], 0
    while length < limit and (part := await response.content.read(limit - length)):
        parts.append(part)
        length += len(part)
    return b"".join(parts).decode(errors="replace")


def _document(body: str) -> dict[str, object] | None:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):  # nested too deeply
        return None
    return document if isinstance(document, dict) else None


def _refusal(
    what: str,
    response: aiohttp.ClientResponse,
    document: Mapping[str, object] | None,
    now: float,
    secrets: Collection[str],
) -> ExchangeError:
    document = document or {}
    error = redacted(str(document.get("error", "")), secrets)
    # NICE's specification spells the description in camel case, RFC 6749 section 5.2 with an underscore
    said = document.get("errorDescription") or document.get("error_description") or ""
    words = " ".join(part for part in (f"HTTP {response.status}", error, f"({said})" if said else "") if part)
    pause = retry_after(response.headers, now)
    return ExchangeError(redacted(f"{what}: {words}", secrets), response.status, error, pause)
