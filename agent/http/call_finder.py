# SPDX-License-Identifier: GPL-3.0-or-later
"""What the operations listener needs of the agent to find calls and to tell all about one."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from agent.core.records import Handoff, Place, Signal
from agent.core.words import Word
from agent.delivery.queries import CallQuery


class Which(Word):
    """Of which calls a list is."""

    ALL = "all"
    LIVE = "live"
    OVER = "over"
    REFUSED = "refused"
    """INVITEs that did not become calls: the newest, which this process has in memory."""
    PAST = "past"
    """Over or refused."""


@dataclass(frozen=True, slots=True)
class CallPage:
    """Calls, the newest first.

    Attributes:
        calls: as `CallRecord.shown`, with ``live``: whether this node has it up. One that was refused has
            ``state`` and ``end`` ``refused``, and ``source``, ``code``, ``detail`` besides.
        more: where the next page begins; None on the last one.
        missing: why some are not there, in one line; empty where all are.
    """

    calls: Sequence[dict[str, Any]] = ()
    more: Place | None = None
    missing: str = ""


@dataclass(frozen=True, slots=True)
class About:
    """All that is known of one call.

    Attributes:
        call: as in a `CallPage`.
        story: what happened, as `CallDesk.story` tells it; None when it is not in this node's memory.
        outbox: its signals, webhooks and transcript, oldest first.
        handoff: what the voice agent said.
        missing: what is not known, and why; one line each.
    """

    call: Mapping[str, Any]
    story: Sequence[Mapping[str, Any]] | None = None
    outbox: Sequence[Signal] = ()
    handoff: Handoff | None = None
    missing: Sequence[str] = field(default=())


@dataclass(frozen=True, slots=True)
class SipMessage:
    """One SIP message of a call.

    Attributes:
        position: by which it is asked for.
        microseconds: when, since the epoch.
        received: whether it came; else we sent it.
        transport: ``udp``, ``tcp`` or ``tls``.
        peer: address and port of the other end.
        local: address and port of ours.
        whole: all of it, byte for byte; None when it is not kept any more.
    """

    position: int
    microseconds: int
    received: bool
    transport: str
    peer: str
    local: str
    whole: bytes | None


class CallFinder(Protocol):
    """Finds calls: those that are up, on record, or refused."""

    @property
    def token_headers(self) -> Collection[str]:
        """Lower-case names of the headers in which carriers send connector tokens."""

    def messages(self, call_id: str) -> Sequence[SipMessage]:
        """The SIP messages of a call, in the order of time; none where this node does not remember it."""

    async def find(self, query: CallQuery, which: Which = Which.ALL) -> CallPage:
        """A page of calls; its `standing` is that of ``which``. A record that can't be read is told."""

    async def about(self, call_id: str) -> About | None:
        """All about one call, also one that was refused; None when nobody knows it.

        Raises:
            StorageError: the record can't be read, and nothing is remembered of such a call.
        """
