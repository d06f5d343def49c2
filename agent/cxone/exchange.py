# SPDX-License-Identifier: GPL-3.0-or-later
"""One HTTP exchange with NICE: JSON in, or a clear error out."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Final
from urllib.parse import urlencode

from agent.core.errors import CxoneError
from agent.core.hosts import allowed
from agent.web.answer import Response
from agent.web.client import Client
from agent.web.failures import NoAnswerError, redacted, retry_after
from agent.web.request import common, lines, parted, whole

_LONGEST_BODY: Final = 1_048_576
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


def check_host(what: str, url: str, allow_hosts: Collection[str]) -> None:
    """Make sure that bytes may be sent to a URL.

    Raises:
        CxoneError: its host is not to be trusted.
    """
    objection = allowed(url, allow_hosts)
    if objection is not None:
        raise CxoneError(f"{what}: {objection}")


async def fetch(
    client: Client,
    what: str,
    url: str,
    seconds: float,
    *,
    now: float,
    form: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    secrets: Collection[str] = (),
) -> dict[str, object]:
    """GET a JSON object, or POST a form for one. Redirects are not followed.

    Args:
        client: to send with.
        what: the document's name, for errors.
        url: where; checked before by `check_host`.
        seconds: for all of it.
        now: seconds since the epoch.
        form: what to POST.
        headers: more headers.
        secrets: texts that must not show up in an error.

    Raises:
        ExchangeError: no connection, another status than 200, or no JSON object.
    """
    sent = {"Accept": "application/json", **(headers or {})}
    try:
        to, target = parted(url)
        if form is None:
            request = whole("GET", target, common(to) + lines(sent), None)
        else:
            sent["Content-Type"] = "application/x-www-form-urlencoded"
            request = whole("POST", target, common(to) + lines(sent), urlencode(form).encode())
    except ValueError as error:
        raise ExchangeError(f"{what}: {error}") from None
    try:
        response = await client.request(to, request, seconds=seconds, limit=_LONGEST_BODY)
    except NoAnswerError as error:
        raise ExchangeError(f"{what}: {error.words}") from None
    body = response.text
    document = _document(body)
    if response.status != _OK:
        raise _refusal(what, response, document, now, secrets)
    if document is None:
        raise ExchangeError(f"{what}: the answer is no JSON document{_instead(response)}", response.status)
    return document


def _instead(response: Response) -> str:
    """What came instead of JSON, where that can be seen."""
    encoding = response.headers.get("Content-Encoding", "identity").strip()
    if encoding.lower() not in ("", "identity"):
        return (
            f" that can be read: it is encoded ({redacted(encoding)[:40]}), though none of that was asked for"
        )
    return " but a web page" if response.text.lstrip().startswith("<") else ""


def _document(body: str) -> dict[str, object] | None:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):  # nested too deeply
        return None
    return document if isinstance(document, dict) else None


def _refusal(
    what: str,
    response: Response,
    document: Mapping[str, object] | None,
    now: float,
    secrets: Collection[str],
) -> ExchangeError:
    document = document or {}
    error = redacted(_text(document.get("error")), secrets)
    # NICE's specification spells the description in camel case, RFC 6749 section 5.2 with an underscore
    said = _text(document.get("errorDescription")) or _text(document.get("error_description"))
    words = " ".join(part for part in (f"HTTP {response.status}", error, f"({said})" if said else "") if part)
    pause = retry_after(response.headers, now)
    return ExchangeError(redacted(f"{what}: {words}", secrets), response.status, error, pause)


def _text(value: object) -> str:
    """A text as it stands, anything else as none: what is nested deeply can't even be written out."""
    return value if isinstance(value, str) else ""
