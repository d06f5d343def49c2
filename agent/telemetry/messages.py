# SPDX-License-Identifier: GPL-3.0-or-later
"""Hands each SIP message on: to the stories of calls always, to those who look closer while they do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Protocol

from agent.core.units import host_and_port
from agent.telemetry.logs import logger, masked_within, wanted
from agent.telemetry.pcap import Place
from agent.telemetry.stories import OfCall, Stories, TraceRecord

_log = logger("sip")
_NOWHERE: Final[Place] = ("0.0.0.0", 0)


@dataclass(frozen=True, slots=True)
class Seen:
    """A SIP message of a call, byte for byte.

    Attributes:
        call: whose it is.
        record: what the trace says of it.
        local: our end.
        payload: its bytes.
    """

    call: OfCall
    record: TraceRecord
    local: Place
    payload: bytes

    @property
    def peer(self) -> Place:
        """The far end."""
        return _place(self.record.peer)

    @property
    def ends(self) -> tuple[Place, Place]:
        """From where, and to where."""
        ends = (self.peer, self.local)
        return ends if self.record.direction == "<" else (ends[1], ends[0])


class Watcher(Protocol):
    """Who looks closer."""

    def wants(self, call: OfCall) -> bool:
        """Whether messages of a call are wanted."""

    def take(self, seen: Seen) -> None:
        """One of them."""

    def missed(self) -> None:
        """One of them could not be read any more: too many came at once."""


class Messages:
    """Where the trace in C hands SIP messages to.

    Args:
        stories: of calls; they know whose a message is.
        whole: gives the bytes of the message at a position, if they are still there.
        local: the same for our end, as address and port.
        took: told of errors of those who look closer; they cost nobody else a message.
    """

    def __init__(
        self,
        stories: Stories,
        whole: Callable[[int], bytes | None],
        local: Callable[[int], str | None],
        took: Callable[[str, Exception], None],
    ) -> None:
        self._stories = stories
        self._whole = whole
        self._local = local
        self._took = took
        self._watchers: tuple[Watcher, ...] = ()

    def add(self, watcher: Watcher) -> None:
        """Show it messages from now on."""
        self._watchers = (*self._watchers, watcher)

    def remove(self, watcher: Watcher) -> None:
        """Show it no more."""
        self._watchers = tuple(one for one in self._watchers if one is not watcher)

    def take(self, records: list[str]) -> None:
        """Take messages as the trace writes them, see `TraceRecord`."""
        self._stories.sip(records)
        if self._watchers or wanted.debug:
            for line in records:
                self._show(TraceRecord._make(line.split("\t")), self._watchers)

    def replay(self, watcher: Watcher) -> None:
        """Show one what has come already of the calls that it wants, as far as the bytes are still there."""
        for line in self._stories.lines(watcher.wants):
            self._show(TraceRecord._make(line.split("\t")), (watcher,), again=True)

    def _show(self, record: TraceRecord, watchers: tuple[Watcher, ...], *, again: bool = False) -> None:
        call = self._stories.whose(record.call_id)
        if call is None:
            return
        if wanted.debug and not again:
            self._tell(call, record)
        wanting = [watcher for watcher in watchers if watcher.wants(call)]
        if not wanting:
            return
        seen = self._read(call, record)
        for watcher in wanting:
            try:
                if seen is None:
                    watcher.missed()
                else:
                    watcher.take(seen)
            except Exception as error:  # noqa: BLE001 - the others want the message, and SIP goes on
                self._took("trace", error)

    def _read(self, call: OfCall, record: TraceRecord) -> Seen | None:
        if not record.position:
            return None
        position = int(record.position)
        payload, local = self._whole(position), self._local(position)
        return None if payload is None else Seen(call, record, _place(local or ""), payload)

    def _tell(self, call: OfCall, record: TraceRecord) -> None:
        _log.debug(
            "SIP message",
            call_id=call.call_id,
            project=call.project,
            leg=call.side,
            way="received" if record.direction == "<" else "sent",
            text=masked_within(record.start_line),
            cseq=record.cseq,
            peer=f"{record.transport} {record.peer}",
            again=bool(record.repeated),
        )


@lru_cache(maxsize=1024)
def _place(text: str) -> Place:
    try:
        host, port = host_and_port(text)
    except ValueError:
        return _NOWHERE
    return host, port or 0
