# SPDX-License-Identifier: GPL-3.0-or-later
"""The signals on the operations listener: found, told without values, retried and discarded."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from agent.core.moments import Moment, SignalState
from agent.core.records import Channel
from agent.delivery.decisions import DecisionRefusedError
from agent.delivery.listing import listing
from agent.delivery.queries import SignalQuery
from agent.http.audited import DEED
from agent.http.bodies import READ_SECONDS
from agent.http.errors import RefusalError, refusal
from agent.http.identity import named, signed
from agent.http.ports import SignalDesk

_AT_MOST: Final = 500
_USUAL: Final = 50
_ALL: Final = "all"
STATUS: Final = {"not_found": 404, "conflict": 409, "unconfirmed": 409}
"""HTTP status of a decision that was refused, by why."""


def add_signals(app: web.Application, desk: SignalDesk) -> None:
    """Add the routes to the application of the operations listener."""
    routes = _Signals(desk)
    app.router.add_get("/signals", routes.find)
    app.router.add_get("/signals/{id}", routes.show)
    app.router.add_post("/signals/{id}/retry", routes.retry)
    app.router.add_post("/signals/{id}/discard", routes.discard)


class _Signals:
    def __init__(self, desk: SignalDesk) -> None:
        self._desk = desk

    async def find(self, request: web.Request) -> web.Response:
        try:
            wanted = query_of(request.query)
        except ValueError as error:
            return refusal(422, str(error))
        found = await self._desk.signals(wanted)
        return web.json_response({"signals": [listing(signal) for signal in found]})

    async def show(self, request: web.Request) -> web.Response:
        signal = await self._desk.signal(request.match_info["id"])
        return (
            refusal(404, "there is no such signal") if signal is None else web.json_response(listing(signal))
        )

    async def retry(self, request: web.Request) -> web.Response:
        body = await _body(request)
        if body is None:
            return refusal(
                422, 'the body is no JSON object such as {"by": "name", "why": "…", "confirmed": false}'
            )
        by, confirmed = _by(request, body), body.get("confirmed") is True
        try:
            signal = await self._desk.retry_signal(request.match_info["id"], by, confirmed=confirmed)
        except DecisionRefusedError as error:
            return refusal(STATUS[error.refusal], str(error), refusal=error.refusal)
        return web.json_response(listing(signal), status=202)

    async def discard(self, request: web.Request) -> web.Response:
        body = await _body(request)
        if body is None:
            return refusal(422, 'the body is no JSON object such as {"by": "name", "why": "…"}')
        try:
            signal = await self._desk.discard_signal(request.match_info["id"], _by(request, body))
        except DecisionRefusedError as error:
            return refusal(STATUS[error.refusal], str(error), refusal=error.refusal)
        return web.json_response(listing(signal))


def _by(request: web.Request, body: dict[str, Any]) -> str:
    """Who decides, and why, for the record of the signal and the audit log."""
    deed, claimed = request[DEED], str(body.get("by", ""))
    deed["why"] = str(body.get("why", "")) or deed["why"]
    deed["who"] = named(request, claimed)
    return signed(deed["who"], deed["why"])


async def _body(request: web.Request) -> dict[str, Any] | None:
    try:
        async with asyncio.timeout(READ_SECONDS):
            text = await request.text()
        body = json.loads(text) if text else {}
    except (ValueError, RecursionError):
        return None
    except TimeoutError:
        raise RefusalError(408, f"the body did not come within {READ_SECONDS:g} s") from None
    return body if isinstance(body, dict) else None


def query_of(query: Mapping[str, str]) -> SignalQuery:
    """What a query string asks for.

    Raises:
        ValueError: one of it can't be used; the text says which.
    """
    given = dict(query)
    wanted: dict[str, Any] = {
        to: given.pop(name)
        for name, to in (("contact", "contact_id"), ("call", "call_id"), ("project", "project"))
        if name in given
    }
    for name, kind in (("state", SignalState), ("moment", Moment)):
        if name in given:
            value = given.pop(name)
            if value not in tuple(kind):
                raise ValueError(f"{name} is not known: write one of {', '.join(kind)}")
            wanted[name] = kind(value)
    if "channel" in given:
        channel = given.pop("channel")
        if channel not in (*Channel, _ALL):
            raise ValueError(f"channel is not known: write one of {', '.join(Channel)}, {_ALL}")
        wanted["channel"] = None if channel == _ALL else Channel(channel)
    try:
        if "since" in given:
            wanted["since"] = float(given.pop("since"))
        wanted["limit"] = min(max(int(given.pop("limit", str(_USUAL))), 1), _AT_MOST)
    except ValueError:
        raise ValueError("since (seconds since the epoch) and limit are numbers") from None
    if given:
        raise ValueError(f"there is no filter {next(iter(given))[:40]!r}")
    return SignalQuery(**wanted)
