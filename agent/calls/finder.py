# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds calls wherever they are known: up on this node, on record, or refused; implements `CallFinder`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from agent.calls.live_call import LiveCall
from agent.calls.register import Register
from agent.core.errors import StorageError
from agent.core.model import Snapshot
from agent.core.records import CallRecord, Handoff, Place, Signal
from agent.core.refusals import RefusedInvite
from agent.delivery.queries import CallQuery, SignalQuery, Standing, meant
from agent.delivery.store import Store
from agent.http.call_finder import About, CallPage, SipMessage, Which
from agent.sip import trace
from agent.telemetry.stories import Message, Stories

REFUSED: Final = "refused"
_STANDING: Final = {Which.LIVE: Standing.LIVE, Which.OVER: Standing.OVER, Which.PAST: Standing.OVER}
_MOST_ENTRIES: Final = 100


class Finder:
    """Finds calls.

    Args:
        register: the calls that are up here.
        refused: gives the newest INVITEs that were refused, newest first.
        store: the record.
        stories: what is remembered of calls.
        snapshot: gives the configuration in force.
    """

    def __init__(
        self,
        register: Register,
        refused: Callable[[], list[RefusedInvite]],
        store: Store,
        stories: Stories,
        snapshot: Callable[[], Snapshot],
    ) -> None:
        self._register = register
        self._refused = refused
        self._store = store
        self._stories = stories
        self._snapshot = snapshot

    @property
    def token_headers(self) -> frozenset[str]:
        """See `Snapshot.token_headers`."""
        return self._snapshot().token_headers

    def messages(self, call_id: str) -> list[SipMessage]:
        """The SIP messages of a call; see `CallFinder`."""
        entries = self._stories.story(call_id) or ()
        return [_message(entry.message) for entry in entries if entry.message is not None]

    async def find(self, query: CallQuery, which: Which = Which.ALL) -> CallPage:
        """A page of calls; see `CallFinder`."""
        stored: list[dict[str, Any]] = []
        missing = ""
        if which is not Which.REFUSED:
            try:
                stored = await self._stored(replace(query, standing=_STANDING.get(which)))
            except StorageError as error:
                missing = f"calls on record can't be listed now: {error}"
        return _page(stored, self._remembered(which), query, missing)

    async def about(self, call_id: str) -> About | None:
        """All about one call; see `CallFinder`."""
        told = self._stories.story(call_id)
        story = None if told is None else [entry.shown() for entry in told]
        refused = next((one for one in self._refused() if one.call_id == call_id), None)
        if refused is not None:
            return About(self._shown_refused(refused), story)
        live = self._register.by_id(call_id)
        call = None if live is None else _shown_live(live)
        try:
            if call is None and (record := await self._store.call(call_id)) is not None:
                call = _shown(record)
            if call is None:
                known = {"call_id": call_id}
                return None if story is None else About(known, story, missing=["there is no record of it"])
            outbox, handoff = await self._told_of(call)
        except StorageError as error:
            if call is None and story is None:
                raise
            return About(call or {"call_id": call_id}, story, missing=[f"the record can't be read: {error}"])
        return About(call, story, outbox, handoff)

    async def _told_of(self, call: Mapping[str, Any]) -> tuple[tuple[Signal, ...], Handoff | None]:
        call_id: str = call["call_id"]
        query = SignalQuery(call_id, channel=None, limit=_MOST_ENTRIES)
        outbox = (await self._store.signals(query))[::-1]
        handoff = await self._store.handoff_by_key(call["account"], call["project"], handoff_id=call_id)
        return outbox, handoff if handoff is not None and handoff.call_id == call_id else None

    async def _stored(self, query: CallQuery) -> list[dict[str, Any]]:
        found = await self._store.calls(replace(query, limit=query.limit + 1))
        return [_shown(record) for record in found]

    def _remembered(self, which: Which) -> Iterator[dict[str, Any]]:
        if which in (Which.ALL, Which.LIVE):
            yield from map(_shown_live, self._register.calls())
        if which in (Which.ALL, Which.PAST, Which.REFUSED):
            yield from map(self._shown_refused, self._refused())

    def _shown_refused(self, one: RefusedInvite) -> dict[str, Any]:
        record = CallRecord(
            one.call_id,
            self._snapshot().agent.node,
            "",
            "",
            one.project,
            one.number,
            "",
            "",
            one.sip_call_id,
            REFUSED,
            one.when,
            None,
            one.when,
            REFUSED,
            one.reason,
        )
        return {**_shown(record), "source": one.source, "code": one.code, "detail": one.detail}


def _page(
    stored: list[dict[str, Any]], remembered: Iterable[dict[str, Any]], query: CallQuery, missing: str
) -> CallPage:
    """What is on record and what is remembered as one list; what is remembered of a call is newer."""
    calls = {call["call_id"]: call for call in stored}
    calls.update((call["call_id"], call) for call in remembered if meant(call, query))
    page = sorted(calls.values(), key=_place, reverse=True)
    more = len(page) > query.limit
    page = page[: query.limit]
    return CallPage(page, _place(page[-1]) if more else None, missing)


def _place(call: Mapping[str, Any]) -> Place:
    return call["began"], call["call_id"]


def _shown(record: CallRecord) -> dict[str, Any]:
    return {**record.shown(), "live": False}


def _shown_live(call: LiveCall) -> dict[str, Any]:
    return {**call.record.shown(), "state": call.state.value, "live": True}


def _message(message: Message) -> SipMessage:
    record, position = message.record, message.position
    return SipMessage(
        -1 if position is None else position,
        int(record.microseconds),
        record.direction == "<",
        record.transport,
        record.peer,
        "" if position is None else trace.local(position) or "",
        None if position is None else trace.whole(position),
    )
