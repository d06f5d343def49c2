# SPDX-License-Identifier: GPL-3.0-or-later
"""What delivery asks of a store: calls, handoffs and signals, durable when a coroutine returns.

Nothing reaches NICE that is not on disk first, and no promise is made to a voice agent that a power cut could
take back. So every write returns only once it would survive kill -9 and loss of power, or raises
`StorageError`; then nothing of it stands. One write is one transaction.

A call has one terminal signal for ever. The database itself sees to that, whoever asks and from wherever.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from agent.core.moments import SignalState
from agent.core.record_form import Finished
from agent.core.records import Attempt, CallRecord, Handoff, Signal
from agent.core.replication import Replication
from agent.delivery.finished import Export, Filed
from agent.delivery.queries import CallQuery, SignalQuery


@dataclass(frozen=True, slots=True)
class Orphans:
    """Unfinished work of processes that are gone: an earlier one of this node, or a neighbour's.

    Attributes:
        calls: calls that were up.
        signals: entries of the outbox that are not settled, in the order in which they were recorded.
    """

    calls: tuple[CallRecord, ...] = ()
    signals: tuple[Signal, ...] = ()


NO_ORPHANS: Final = Orphans()


class Outbox(Protocol):
    """What the delivery of signals, webhooks and transcripts needs of a store."""

    async def update_signal(self, signal_id: str, state: SignalState, attempt: Attempt | None) -> bool:
        """Move a signal that is not settled yet to ``state`` and append ``attempt`` to its attempts.

        Returns:
            False if the signal is settled already (or unknown); then nothing was changed.
        """

    async def signal(self, signal_id: str) -> Signal | None:
        """One entry with its attempts."""


class HandoffStates(Protocol):
    """What the HTTP API reads from a store."""

    async def handoff(self, handoff_id: str) -> Handoff | None:
        """One handoff."""

    async def handoff_by_key(
        self, account: str, project: str, *, handoff_id: str = "", shared_id: str = ""
    ) -> Handoff | None:
        """The newest handoff of a project under a key; ``shared_id`` wins when both are given.

        ``handoff_id`` may also be a call id; either may be a contact id (what a Studio script has at hand).
        """

    async def signals(self, query: SignalQuery) -> tuple[Signal, ...]:
        """Entries of the outbox, the newest first, with their attempts."""


class Records(Protocol):
    """What record files and exports ask of a store: calls that are over.

    Each gets a number in the transaction in which it is over, and the numbers of one node come up in their
    order: whoever has seen one has seen all of them that are smaller.
    """

    async def finished(self, after: int, most: int) -> tuple[Finished, ...]:
        """The next calls that this node ended, by number: above `after`, at most so many."""

    async def filed(self) -> Filed:
        """How far the record files of this node have come."""

    async def note_filed(self, position: int | None) -> None:
        """Note that all up to this number are in a file; None: that this node keeps none.

        Calls that are in no file yet are kept 30 days longer by `Store.forget`.
        """

    async def number_anew(self, above: int, filed: Collection[str], newest: int) -> None:
        """Let numbers go on behind those in files, which come from another state of the storage.

        Calls with a number above `above` get one above `newest`, in the same order, but for those in `filed`;
        so does what ends from now on. All up to `newest` is noted as being in a file.

        Args:
            above: up to this number calls of this state are in files, as the storage has it.
            filed: ids of calls above it that are in files too.
            newest: the highest number in any file.
        """

    async def places(self) -> tuple[int, int]:
        """The first and the last place of any call; without one the last is below the first."""

    async def finished_between(self, low: int, high: int, wanted: Export) -> tuple[Finished, ...]:
        """The calls of an export among those at the places above `low` up to `high`."""


class Store(Outbox, HandoffStates, Records, Protocol):
    """A store of calls, handoffs and entries of the outbox."""

    @property
    def fault(self) -> str | None:
        """Why nothing can be made durable at the moment, in one line; None while all is well."""

    async def open_call(self, call: CallRecord, signal: Signal | None) -> None:
        """Record a call and, in the same transaction, the signal of its arrival."""

    async def update_call(self, call: CallRecord, webhook: Signal | None = None) -> bool:
        """Record where a call stands now: state, answered, ended, end, reason, legs.

        One that is not there stays so: it was never opened, or has been forgotten since. One that is there in
        a newer version stays as it is.

        Args:
            call: the call.
            webhook: what tells of it, recorded in the same transaction.

        Returns:
            False if there is a webhook and the call stayed as it was; then that was not recorded either.
        """

    async def record_signal(self, signal: Signal) -> Signal | None:
        """Record an entry of the outbox, a signal or a transcript.

        Returns:
            None if it is terminal and the call has a terminal signal already; or if it is a transcript and
            one was recorded for the same master contact before.
        """

    async def record_handoff(
        self, handoff: Handoff, signal: Signal | None, webhook: Signal | None = None
    ) -> bool:
        """Record what the voice agent said, and its signal and webhook where wanted, in one transaction.

        Returns:
            False if the call has a terminal signal or a handoff already; then nothing was recorded.
        """

    async def take_back(self, handoff_id: str, entries: Sequence[str]) -> None:
        """Delete a handoff and its entries of the outbox whose record failed, where they stand all the same.

        An entry that was tried, is settled, or belongs to another process by now stays, and its handoff too.

        Args:
            handoff_id: the handoff; "" where there was none.
            entries: their signal ids. Nothing of them was begun here.
        """

    async def reopen_signal(self, signal_id: str, expires: float, decision: Attempt) -> Signal | None:
        """Put a settled signal that was not accepted back to ``recorded``, by an operator's decision.

        It stays the one signal of its call and moment, in the same row: a call still has one terminal signal
        for ever, and its attempts tell who let it go out again, and when.

        Args:
            signal_id: the signal.
            expires: until when it may be sent now, in seconds since the epoch.
            decision: appended to its attempts; its outcome is `Decision.RETRY`.

        Returns:
            The signal as it stands now, or None if it was accepted, is not settled or not there; then nothing
            was changed.
        """

    async def discard_signal(self, signal_id: str, decision: Attempt) -> bool:
        """Cancel one signal that is ``recorded``, by an operator's decision (`Decision.DISCARD`).

        Returns:
            False if it is in any other state, on the wire for one; then nothing was changed.
        """

    async def take_over(self) -> Orphans:
        """Take over orphaned work: each piece goes to one process only.

        Called at start and then regularly, while new calls are recorded. Much work comes in parts, calls
        after all signals that were recorded before; `NO_ORPHANS` when there is none.
        """

    async def forget(self, before: float, keep: int) -> int:
        """Delete some of the oldest calls with all that belongs to them; never one that is not settled.

        Args:
            before: those that ended before this time (seconds since the epoch) may go.
            keep: of the others, all but about so many of the newest may go.

        Returns:
            How many went; 0 when none of the oldest may.
        """

    async def replication(self) -> Replication | None:
        """How safe the database is; None where the record is a file.

        Raises:
            StorageError: no server answers that takes writes.
        """

    async def call(self, call_id: str) -> CallRecord | None:
        """One call."""

    async def calls(self, query: CallQuery) -> tuple[CallRecord, ...]:
        """Calls, the newest first."""

    async def aclose(self) -> None:
        """Finish what was begun, then let go of the storage."""
