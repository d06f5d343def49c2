# SPDX-License-Identifier: GPL-3.0-or-later
"""One call: its facts, its ladder, the same in words, its handoff and signals; and one message whole."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

from aiohttp import web
from markupsafe import Markup

from agent.core.ladder import Ladder, Step, lines
from agent.core.records import Channel
from agent.core.verdict import verdict
from agent.delivery.listing import listing
from agent.http.call_files import about, concealed, ladder_of, part_of_message, shown
from agent.http.call_finder import About, Which
from agent.http.console.calls import PATH
from agent.http.console.diagnostics import PATH as DIAGNOSTICS
from agent.http.console.diagnostics import START
from agent.http.console.forms import Form, add_form, done
from agent.http.console.pages import PAGES, add_page, page
from agent.http.errors import RefusalError
from agent.http.identity import in_clear, who
from agent.http.ladder_svg import drawn
from agent.http.ports import OperationsDesk
from agent.telemetry.logs import masked_within

_FACTS: Final = (
    ("call_id", "Call id"),
    ("contact_id", "Contact id"),
    ("master_id", "Master contact id"),
    ("sip_call_id", "SIP Call-ID"),
    ("project", "Project"),
    ("number", "Number"),
    ("carrier", "Carrier"),
    ("node", "Node"),
    ("source", "Came from"),
    ("code", "Answered with"),
)
_SIGNALS: Final = "/console/signals"


def add_call(app: web.Application, desk: OperationsDesk) -> None:
    """Add the page of one call, and its hang-up, to the application of the operations listener."""
    pages = _CallPages(desk)
    add_page(app, PATH + "/{id}", pages.show, in_navigation=False)
    add_page(app, PATH + "/{id}/messages/{position}", pages.message, in_navigation=False)
    add_form(app, PATH + "/{id}/hang-up", pages.hang_up, action="hang_up")


class _CallPages:
    def __init__(self, desk: OperationsDesk) -> None:
        self._desk = desk

    async def show(self, request: web.Request) -> web.Response:
        found = await about(self._desk.finder, request)
        clear = in_clear(request, shown=self._desk.numbers_shown())
        drawing = ladder_of(found, clear=clear)
        call_id = request.match_info["id"]
        call = shown(found.call, clear=clear)
        messages = self._desk.finder.messages(call_id)
        whole = {one.position for one in messages if one.whole is not None}
        return page(
            request,
            "call.html",
            path=PATH,
            here_path=f"{PATH}/{quote(call_id, safe='')}",
            files=f"/calls/{quote(call_id, safe='')}/call",
            clear=clear,
            clearer="" if clear or not who(request).operator else "numbers=shown",
            call={**dict.fromkeys(("began", "answered", "ended"), None), **call},
            facts=[(title, call[name]) for name, title in _FACTS if call.get(name)],
            word=_word(call),
            sentence=_sentence(call, found, clear=clear),
            missing=drawing.missing,
            ladder=_picture(drawing, call_id, whole),
            told=[_line(step, text, drawing.steps[0].when) for step, text in lines(drawing)],
            bands=[(drawing.title(band.column), band.text, band.trouble) for band in drawing.bands],
            kept=(len(whole), len(messages)),
            legs=call.get("legs") or (),
            outbox=[listing(entry) for entry in found.outbox],
            handoff=_handoff(found),
            may_end=who(request).operator and bool(call.get("live")),
            ending="ending" in request.query,
            capture=START if bool(call.get("live")) and self._may_capture(request) else "",
        )

    def _may_capture(self, request: web.Request) -> bool:
        there = DIAGNOSTICS in request.app[PAGES].paths and self._desk.snapshot().agent.capture is not None
        return there and who(request).operator

    async def message(self, request: web.Request) -> web.Response:
        found = await about(self._desk.finder, request)
        clear = in_clear(request, shown=self._desk.numbers_shown())
        one = part_of_message(request, self._desk.finder.messages(request.match_info["id"]))
        text = None
        if one.whole is not None:
            whole = concealed(self._desk.finder, found, clear=clear).message(one.whole)
            text = whole.decode("utf-8", "replace")
        return page(
            request,
            "message.html",
            back=f"{PATH}/{quote(request.match_info['id'], safe='')}",
            call_id=request.match_info["id"],
            one=one,
            when=one.microseconds / 1_000_000,
            text=text,
            clear=clear,
            may_see=who(request).operator and not clear,
        )

    async def hang_up(self, request: web.Request, form: Form) -> web.Response:
        call_id = request.match_info["id"]
        if not form["why"].strip():
            raise RefusalError(422, "a reason is needed: it stays in the audit log")
        if not await self._desk.hang_up(call_id):
            raise RefusalError(404, "no such call is up on this node (any more)")
        return done(f"{PATH}/{quote(call_id, safe='')}?ending=1")


def _picture(drawing: Ladder, call_id: str, whole: set[int]) -> Any:  # noqa: ANN401 - markup, and its size
    path = f"{PATH}/{quote(call_id, safe='')}"

    def link(step: Step) -> str:
        if step.entry:
            return f"{_SIGNALS}/{quote(step.entry, safe='')}"
        return f"{path}/messages/{step.position}" if step.position in whole else ""

    picture = drawn(drawing, f"call {call_id}", link)
    # Made of numbers and of texts that are escaped there.
    return {"head": Markup(picture.head), "body": Markup(picture.body)}  # noqa: S704 - see above


def _line(step: Step, text: str, began: float) -> dict[str, Any]:
    at = f"{datetime.fromtimestamp(step.when, UTC):%H:%M:%S.%f}"[:-3]
    return {"at": at, "after": step.when - began, "kind": step.kind, "text": text, "failed": step.failed}


def _word(call: dict[str, Any]) -> tuple[str, str]:
    """How the call stands, and whether that is good or bad."""
    if call.get("live"):
        return str(call["state"]), "good"
    if "ended" not in call:
        return "not on record", "warn"
    if call["ended"] is None:
        return f"{call['state']} elsewhere", "warn"
    return f"{call['end']}: {call['reason']}", "bad" if call["end"] in ("failed", "refused") else "good"


def _sentence(call: dict[str, Any], found: About, *, clear: bool) -> str:
    """The call in one sentence, as `handoff-agent explain` begins; empty where too little is known."""
    if "began" not in call or call["end"] == Which.REFUSED.value:
        return ""
    told = [listing(entry) for entry in found.outbox if entry.channel is Channel.SIGNAL]
    sentence = verdict(call, told, found.story, live=bool(call.get("live")), now=time.time())
    return sentence if clear else masked_within(sentence)


def _handoff(found: About) -> list[tuple[str, str]]:
    said = found.handoff
    if said is None:
        return []
    facts = (
        ("Handoff id", said.handoff_id),
        ("Asked by", said.way.value.upper()),
        ("Destination", said.destination),
        ("Skill", said.skill),
        ("Shared id", said.shared_id),
        ("Target", said.target),
    )
    return [(title, value) for title, value in facts if value]
