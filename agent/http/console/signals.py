# SPDX-License-Identifier: GPL-3.0-or-later
"""The outbox: found by a filter, one entry with its attempts, sent again or withdrawn with a reason."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from agent.core.moments import Moment, SignalState
from agent.core.records import Channel, Signal
from agent.delivery.decisions import DecisionRefusedError
from agent.delivery.listing import listing
from agent.http.console.forms import Form, add_form, done
from agent.http.console.pages import ROWS_AT_MOST, add_page, page
from agent.http.errors import FACTS, RefusalError
from agent.http.identity import named, signed, who
from agent.http.ports import SignalDesk
from agent.http.signals import STATUS, query_of

PATH: Final = "/console/signals"
_FILTERS: Final = ("contact", "call", "project", "state", "moment", "channel")
_CHOICES: Final = {
    "state": tuple(SignalState),
    "moment": tuple(Moment),
    "channel": (*Channel, "all"),
}
_KINDS: Final = {
    SignalState.ACCEPTED: "good",
    SignalState.RECORDED: "warn",
    SignalState.SENDING: "warn",
    SignalState.CANCELLED: "",
}
_SAID: Final = {"retried": "It goes out again now.", "discarded": "It was withdrawn: nothing will be sent."}


def add_signals_pages(app: web.Application, desk: SignalDesk) -> None:
    """Add the pages and what they send to the application of the operations listener."""
    pages = _SignalsPages(desk)
    add_page(app, PATH, pages.find)
    add_page(app, PATH + "/{id}", pages.show, in_navigation=False)
    add_form(app, PATH + "/{id}/retry", pages.retry, action="retry")
    add_form(app, PATH + "/{id}/discard", pages.discard, action="discard")


class _SignalsPages:
    def __init__(self, desk: SignalDesk) -> None:
        self._desk = desk

    async def find(self, request: web.Request) -> web.Response:
        given = {name: request.query.get(name, "").strip() for name in _FILTERS}
        wanted: Mapping[str, str] = {name: value for name, value in given.items() if value}
        said, found = "", []
        try:
            query = query_of({**wanted, "limit": str(ROWS_AT_MOST)})
            found = [_row(signal) for signal in await self._desk.signals(query)]
        except ValueError as error:
            said = str(error)
        return page(
            request,
            "signals.html",
            status=422 if said else 200,
            path=PATH,
            given=given,
            choices=_CHOICES,
            signals=found,
            full=len(found) == ROWS_AT_MOST,
            said=said,
        )

    async def show(self, request: web.Request) -> web.Response:
        signal = await self._known(request)
        return self._one(request, signal, note=_SAID.get(request.query.get("done", ""), ""))

    async def retry(self, request: web.Request, form: Form) -> web.Response:
        return await self._decide(request, form, retry=True)

    async def discard(self, request: web.Request, form: Form) -> web.Response:
        return await self._decide(request, form, retry=False)

    async def _decide(self, request: web.Request, form: Form, *, retry: bool) -> web.Response:
        signal_id, why = request.match_info["id"], form["why"].strip()
        if not why:
            raise RefusalError(422, "a reason is needed: it stays on record with the signal")
        by = signed(named(request, form["by"]), why)
        try:
            if retry:
                confirmed = form["confirmed"] == "yes"
                await self._desk.retry_signal(signal_id, by, confirmed=confirmed)
            else:
                await self._desk.discard_signal(signal_id, by)
        except DecisionRefusedError as error:
            if error.refusal == "not_found":
                raise RefusalError(404, str(error)) from None
            signal = await self._known(request)
            return self._one(
                request,
                signal,
                status=STATUS[error.refusal],
                said=str(error),
                why=why,
                by=form["by"],
                confirm=error.refusal == "unconfirmed",
            )
        return done(f"{PATH}/{signal_id}?done={'retried' if retry else 'discarded'}")

    async def _known(self, request: web.Request) -> Signal:
        signal_id = request.match_info["id"]
        signal = await self._desk.signal(signal_id)
        if signal is None:
            raise RefusalError(404, "there is no such signal (any more)")
        request[FACTS] = {"call_id": signal.call_id}
        return signal

    def _one(self, request: web.Request, signal: Signal, *, status: int = 200, **said: Any) -> web.Response:  # noqa: ANN401 - texts and flags
        asker, state = who(request), signal.state
        # Without a log-in anybody on this machine may be looking: what a caller said is not shown then.
        values = asker.operator and asker.way != "open"
        given = {"note": "", "said": "", "why": "", "by": "", "confirm": False, **said}
        return page(
            request,
            "signal.html",
            status=status,
            path=PATH,
            signal=listing(signal, values=values),
            values=values,
            kind=_KINDS.get(state, "bad"),
            may_retry=asker.operator and state.final and state is not SignalState.ACCEPTED,
            may_discard=asker.operator and state is SignalState.RECORDED,
            outcome=given,
        )


def _row(signal: Signal) -> dict[str, Any]:
    attempts = signal.attempts
    last = attempts[-1] if attempts else None
    return {
        "id": signal.signal_id,
        "recorded": signal.recorded,
        "contact": signal.contact_id,
        "call": signal.call_id,
        "project": signal.project,
        "moment": signal.moment.value,
        "channel": signal.channel.value,
        "state": signal.state.value,
        "kind": _KINDS.get(signal.state, "bad"),
        "attempts": sum(not attempt.decision for attempt in attempts),
        "last": "" if last is None else last.detail or last.outcome,
    }
