# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls of all nodes of a fleet, as the operations listener of any one shows them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import urlencode

from aiohttp import web

from agent.core.neighbours import unlisted
from agent.core.records import Place
from agent.delivery.queries import CallQuery, meant
from agent.http.call_files import shown
from agent.http.call_finder import About, CallFinder, CallPage, SipMessage, Which
from agent.http.call_search import AT_MOST, asked_for, asked_now
from agent.http.errors import refusal
from agent.http.identity import in_clear
from agent.http.neighbours import Neighbours, NoNodeError
from agent.http.own_hosts import ASKED_BY
from agent.http.ports import OperationsDesk

UP: Final = "/calls/up"
"""The calls that are up on the node itself; any filter of a search may stand in the address."""
SECONDS: Final = 1.0
"""How long the list of calls waits for other nodes, all side by side."""
_OK: Final = 200


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """The calls that are up on other nodes.

    Attributes:
        calls: as in a `CallPage`.
        missing: nodes that did not say theirs, and why; one line each.
    """

    calls: Sequence[dict[str, Any]] = ()
    missing: Sequence[str] = ()


async def up_elsewhere(neighbours: Neighbours, query: CallQuery) -> Elsewhere:
    """Ask all other nodes side by side; none is waited for longer than `SECONDS`."""
    names = neighbours.others("operations")
    told = await asyncio.gather(*(_up_on(neighbours, name, query) for name in names))
    return Elsewhere(
        [call for one in told for call in one.calls], [line for one in told for line in one.missing]
    )


async def _up_on(neighbours: Neighbours, node: str, query: CallQuery) -> Elsewhere:
    target = f"{UP}?{urlencode({**asked_for(query), 'numbers': 'shown'})}"
    asking = {ASKED_BY: neighbours.node}
    try:
        answer = await neighbours.ask(node, "operations", "GET", target, seconds=SECONDS, headers=asking)
        if answer.status != _OK:
            return Elsewhere(
                missing=[f"live calls of {node} are not shown: it answered HTTP {answer.status}"]
            )
        calls = [{**call, "live": True} for call in json.loads(answer.body)["calls"]]
        return Elsewhere([call for call in calls if meant(call, query)])
    except NoNodeError as error:
        return Elsewhere(missing=[unlisted(error.fate, node, words=error.words, seconds=SECONDS)])
    except (ValueError, KeyError, TypeError):
        return Elsewhere(missing=[f"live calls of {node} are not shown: its answer can't be read"])


class FleetFinder:
    """Finds calls as this node does, and those that are up on other nodes; implements `CallFinder`.

    Args:
        own: finds those that this node and the record know.
        neighbours: the other nodes.
    """

    def __init__(self, own: CallFinder, neighbours: Neighbours) -> None:
        self._own = own
        self._neighbours = neighbours

    @property
    def token_headers(self) -> Collection[str]:
        """See `CallFinder`."""
        return self._own.token_headers

    def messages(self, call_id: str) -> Sequence[SipMessage]:
        """See `CallFinder`."""
        return self._own.messages(call_id)

    async def find(self, query: CallQuery, which: Which = Which.ALL) -> CallPage:
        """See `CallFinder`; other nodes are asked for a first page alone, later ones are of the record."""
        if which not in (Which.ALL, Which.LIVE) or query.before is not None:
            return await self._own.find(query, which)
        finding = asyncio.gather(self._own.find(query, which), up_elsewhere(self._neighbours, query))
        found, told = await finding
        missing = "; ".join(line for line in (found.missing, *told.missing) if line)
        calls = {call["call_id"]: call for call in found.calls}
        calls.update((call["call_id"], call) for call in told.calls if not _up(calls.get(call["call_id"])))
        page = sorted(calls.values(), key=_place, reverse=True)
        more = found.more or (_place(page[query.limit - 1]) if len(page) > query.limit else None)
        page = page[: query.limit]
        return replace(found, calls=page, more=_place(page[-1]) if more else None, missing=missing)

    async def about(self, call_id: str) -> About | None:
        """See `CallFinder`; of a call that another node has up, it is said which one."""
        found = await self._own.about(call_id)
        if found is None or found.story is not None or found.call.get("ended") is not None:
            return found
        node = self._neighbours.owner(found.call)
        if not node:
            return found
        place = self._neighbours.place(node)
        where = f": {place}/console/calls/{call_id}" if place else ""
        return replace(found, missing=[*found.missing, f"its story is known to {node}, which has it{where}"])


def _up(call: dict[str, Any] | None) -> bool:
    return call is not None and bool(call.get("live"))


def _place(call: dict[str, Any]) -> Place:
    return call["began"], call["call_id"]


def add_up(app: web.Application, desk: OperationsDesk) -> None:
    """Serve the calls that are up here, for other nodes."""

    async def up(request: web.Request) -> web.Response:
        given = {name: value for name, value in request.query.items() if name != "numbers"}
        try:
            query, _ = asked_now({"limit": str(AT_MOST), **given})
        except ValueError as error:
            return refusal(422, str(error))
        newest_first = desk.calls()[::-1]
        asked = {*given} - {"limit"}
        newest = [call for call in newest_first if not asked or meant(call, query)][: query.limit]
        clear = in_clear(request, shown=desk.numbers_shown())
        return web.json_response({"calls": [shown(call, clear=clear) for call in newest]})

    app.router.add_get(UP, up)
