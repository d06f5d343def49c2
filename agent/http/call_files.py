# SPDX-License-Identifier: GPL-3.0-or-later
"""One call to take away: as JSON, as text, and its SIP messages as a pcap file. What is masked stays so."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Final

from aiohttp import web

from agent.core.ladder import Ladder, ladder, lines
from agent.delivery.listing import listing
from agent.http.call_finder import About, CallFinder, SipMessage
from agent.http.errors import FACTS, RefusalError
from agent.http.identity import in_clear
from agent.http.ports import OperationsDesk
from agent.telemetry.concealing import Concealed
from agent.telemetry.logs import masked, masked_within
from agent.telemetry.pcap import Datagram, Place, pcap

_FACTS: Final = ("call_id", "contact_id", "master_id", "sip_call_id", "project", "account", "node")
_PCAP: Final = "application/vnd.tcpdump.pcap"


def add_call_files(app: web.Application, desk: OperationsDesk) -> None:
    """Add the files of a call to the application of the operations listener."""
    files = _Files(desk)
    app.router.add_get("/calls/{id}/call.json", files.as_json)
    app.router.add_get("/calls/{id}/call.txt", files.as_text)
    app.router.add_get("/calls/{id}/call.pcap", files.as_pcap)
    app.router.add_get("/calls/{id}/messages/{position}", files.message)


async def about(finder: CallFinder, request: web.Request) -> About:
    """All about the call that a request names.

    Raises:
        RefusalError: there is no such call.
    """
    call_id = request.match_info["id"]
    request[FACTS] = {"call_id": call_id}
    found = await finder.about(call_id)
    if found is None:
        raise RefusalError(
            404, "there is no such call, or it is too old: neither this node nor the record has it"
        )
    return found


def concealed(finder: CallFinder, found: About, *, clear: bool) -> Concealed:
    """What of a call's messages is concealed for who asks."""
    known = {str(found.call[name]) for name in _FACTS if found.call.get(name)}
    return Concealed(not clear, frozenset(finder.token_headers), known)


def shown(call: Mapping[str, Any], *, clear: bool) -> dict[str, Any]:
    """A call as it may be read."""
    number = call.get("number")
    return {**call, "number": masked(number)} if number and not clear else dict(call)


def ladder_of(found: About, *, clear: bool) -> Ladder:
    """The ladder of a call as it may be read."""
    story = found.story
    if story is not None and not clear:
        story = [{**entry, "text": masked_within(entry["text"])} for entry in story]
    return ladder(shown(found.call, clear=clear), story, found.outbox, found.handoff, found.missing)


def part_of_message(request: web.Request, messages: Sequence[SipMessage]) -> SipMessage:
    """The message whose position a request names.

    Raises:
        RefusalError: the call has no such message.
    """
    position = request.match_info["position"]
    found = next((one for one in messages if str(one.position) == position), None)
    if found is None:
        raise RefusalError(404, "the call has no such message, or this node does not remember it any more")
    return found


class _Files:
    def __init__(self, desk: OperationsDesk) -> None:
        self._desk = desk

    def _clear(self, request: web.Request) -> bool:
        return in_clear(request, shown=self._desk.numbers_shown())

    async def as_json(self, request: web.Request) -> web.Response:
        found, clear = await about(self._desk.finder, request), self._clear(request)
        drawn = ladder_of(found, clear=clear)
        conceal = concealed(self._desk.finder, found, clear=clear)
        answer = {
            "call": shown(found.call, clear=clear),
            "ladder": {
                "columns": [asdict(column) for column in drawn.columns],
                "steps": [asdict(step) for step in drawn.steps],
                "bands": [asdict(band) for band in drawn.bands],
            },
            "messages": [
                _message(one, conceal) for one in self._desk.finder.messages(request.match_info["id"])
            ],
            "outbox": [listing(entry) for entry in found.outbox],
            "missing": list(drawn.missing),
        }
        text = json.dumps(answer, indent=1)
        return _file(request, text.encode(), "json", "application/json")

    async def as_text(self, request: web.Request) -> web.Response:
        found, clear = await about(self._desk.finder, request), self._clear(request)
        text = "\n".join(in_text(found, ladder_of(found, clear=clear), clear=clear)) + "\n"
        return _file(request, text.encode(), "txt", "text/plain")

    async def as_pcap(self, request: web.Request) -> web.Response:
        found = await about(self._desk.finder, request)
        conceal = concealed(self._desk.finder, found, clear=self._clear(request))
        kept = [
            datagram(one, conceal.message(one.whole))
            for one in self._desk.finder.messages(request.match_info["id"])
            if one.whole is not None
        ]
        if not kept:
            raise RefusalError(404, "no SIP message of this call is kept whole any more")
        return _file(request, pcap(kept), "pcap", _PCAP)

    async def message(self, request: web.Request) -> web.Response:
        found = await about(self._desk.finder, request)
        one = part_of_message(request, self._desk.finder.messages(request.match_info["id"]))
        if one.whole is None:
            raise RefusalError(404, "this message is not kept whole any more: newer ones took its place")
        text = concealed(self._desk.finder, found, clear=self._clear(request)).message(one.whole)
        return web.Response(body=text, content_type="text/plain", charset="utf-8")


def datagram(one: SipMessage, payload: bytes) -> Datagram:
    """A message as a packet between its two ends."""
    peer, local = _place(one.peer), _place(one.local)
    ends = (peer, local) if one.received else (local, peer)
    return Datagram(one.microseconds, *ends, payload)


def in_text(found: About, drawn: Ladder, *, clear: bool) -> Iterator[str]:
    """The call in lines of text."""
    for name, value in shown(found.call, clear=clear).items():
        yield f"{name:<12} {value}"
    yield ""
    for line in drawn.missing:
        yield f"note: {line}"
    for step, text in lines(drawn):
        at = f"{datetime.fromtimestamp(step.when, UTC):%Y-%m-%d %H:%M:%S.%f}"[:-3]
        yield f"{at}  {step.kind:<10} {text}"
    for band in drawn.bands:
        yield f"audio, {drawn.title(band.column)}: {band.text}"


def _message(one: SipMessage, conceal: Concealed) -> dict[str, Any]:
    whole = None if one.whole is None else conceal.message(one.whole).decode("utf-8", "replace")
    return {**asdict(one), "whole": whole}


def _place(text: str) -> Place:
    host, _, port = text.rpartition(":")
    return host, int(port) if port.isdigit() else 0


def _file(request: web.Request, body: bytes, kind: str, content_type: str) -> web.Response:
    name = "".join(c for c in request.match_info["id"] if c.isalnum() or c in "-_")[:80]
    response = web.Response(body=body, content_type=content_type)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}.{kind}"'
    return response
