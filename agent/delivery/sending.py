# SPDX-License-Identifier: GPL-3.0-or-later
"""Carries out what the machine of an entry asks for: its states on disk, its exchange, its rests, its end.

`agent.core.delivery` decides, `agent.delivery.courier` gives the turns. Here each action is carried out, on
disk first, and its outcome goes back to the machine as an event.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Final, Protocol

from agent.core import delivery_events as on
from agent.core.delivery import Phase
from agent.core.errors import AgentError, StorageError
from agent.core.model.project import Project
from agent.core.moments import SignalState
from agent.core.outcomes import Answer, Outcome
from agent.core.records import Attempt, Channel, Signal
from agent.core.retries import policy_of
from agent.delivery.job import Job, SignalEvent
from agent.delivery.store import Outbox
from agent.telemetry import logs

STORAGE_RETRY: Final = 1.0
"""Seconds between tries while the storage is faulty."""
_NO_PROJECT: Final = Answer(Outcome.FORBIDDEN, None, "the project is not in the configuration any more")
_NO_POSTER: Final = Answer(Outcome.NOT_SENT, None, "nothing here posts it")
_NO_TENANT: Final = Answer(
    Outcome.FORBIDDEN, None, "the project has no CXone tenant in the configuration any more"
)

_log = logs.logger("courier")


class Sender(Protocol):
    """What sends one signal; `agent.cxone.client.Cxone` is one."""

    def can_send_now(self, project: Project) -> bool:
        """Whether a request could leave at once, with nothing to wait for before it."""

    async def signal(
        self,
        project: Project,
        contact_id: str,
        parameters: Mapping[str, str],
        *,
        before_send: Callable[[], Awaitable[None]] | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - the other side bounds the whole exchange by it
        again: bool = False,
    ) -> Answer:
        """Send; ``before_send`` is awaited before any byte may leave, and what it raises passes.

        ``again``: it was tried before, or had to wait.
        """


class Poster(Protocol):
    """What posts the body of a webhook or a transcript."""

    async def post(
        self,
        project: Project,
        body: str,
        *,
        before_send: Callable[[], Awaitable[None]],
        timeout: float,  # noqa: ASYNC109 - as above
    ) -> Answer:
        """Post.

        Args:
            project: as it is configured now; it says where and with what secrets.
            body: JSON text.
            before_send: awaited before any byte may leave; what it raises passes.
            timeout: seconds, beyond which the entry is of no use; the project's own may be shorter.

        Returns:
            What became of it. Nothing that the other side or the network does is raised.
        """


class _NotToLeaveError(AgentError):
    """The machine had something else in mind than to send."""


class Sending:
    """What the courier does for every entry alike.

    Args:
        store: where states are durable.
        sender: sends signals.
        posters: post webhooks and transcripts.
        on_event: told of each change of state.
        clock: seconds since the epoch.
        chance: random numbers, 0 <= number < 1.

    Attributes:
        closes_at: when the courier ends, once that is known: nothing rests beyond it.
    """

    def __init__(
        self,
        store: Outbox,
        sender: Sender,
        posters: Mapping[Channel, Poster],
        on_event: Callable[[SignalEvent], None],
        *,
        clock: Callable[[], float],
        chance: Callable[[], float],
    ) -> None:
        self._store = store
        self._sender = sender
        self._posters = posters
        self._on_event = on_event
        self._clock = clock
        self._chance = chance
        self._unwritten: deque[tuple[str, SignalState, Attempt | None]] = deque()  # ends, in their order
        self._writer: asyncio.Task[None] | None = None
        self.closes_at: float | None = None

    async def until_turn(self, job: Job, action: on.Action | None) -> on.Action | None:
        """Carry out what a machine asks for until it waits for its turn; None when it never will again."""
        while not isinstance(action, on.Queue):
            match action:
                case on.Write():
                    action = await self._write(job, action)
                case on.Rest():
                    action = await self._rest(job, action.until)
                case on.Settle():
                    await self._settle(job.signal, action.attempt)
                    return None
                case _:
                    return None
        return action

    async def exchange(self, job: Job, project: Project | None) -> on.Action | None:
        """Let an entry's request leave, once all is at hand, and give the machine the answer.

        Args:
            job: the entry; it is its turn.
            project: as it is configured now; None when it is not any more.

        Returns:
            What the machine wants next.
        """
        action: on.Action | None = None

        async def before_send() -> None:
            nonlocal action
            action = await self._write(job, job.handle(on.Ready(self._clock())))
            if not isinstance(action, on.Send):
                raise _NotToLeaveError("not to be sent now")

        try:
            answer = await self._answer(job, project, before_send)
        except _NotToLeaveError:
            return action
        except Exception:  # noqa: BLE001 - an internal error: what is known of the entry must be recorded
            _log.exception("sending broke", **_of(job.signal))
            on_wire = job.phase is Phase.ON_WIRE
            answer = Answer(Outcome.UNCERTAIN if on_wire else Outcome.NOT_SENT, None, "sending broke")
        policy = policy_of(project, job.signal.channel)
        return job.handle(on.Answered(answer, self._clock(), policy, self._chance()))

    async def leave(self, job: Job, action: on.Action | None) -> None:
        """Write down how an entry stands that this process will not deliver; once, for there is no time."""
        match action:
            case on.Settle():
                await self._settle(job.signal, action.attempt)
            case on.Write():
                await self._write(job, action)

    async def aclose(self) -> None:
        """Write the ends that could not be written yet, if the storage lets us."""
        if self._writer is not None:
            self._writer.cancel()
            await asyncio.gather(self._writer, return_exceptions=True)
        with suppress(StorageError):
            await self._write_ends()

    async def _answer(
        self, job: Job, project: Project | None, before_send: Callable[[], Awaitable[None]]
    ) -> Answer:
        signal = job.signal
        if project is None:
            return _NO_PROJECT
        left = signal.expires - self._clock()
        if signal.channel is not Channel.SIGNAL:
            poster = self._posters.get(signal.channel)
            if poster is None:
                return _NO_POSTER
            body = signal.parameters["body"]
            return await poster.post(project, body, before_send=before_send, timeout=left)
        if project.cxone is None:
            return _NO_TENANT
        timeout = min(project.cxone.timeout, left)
        return await self._sender.signal(
            project,
            signal.contact_id,
            signal.parameters,
            before_send=before_send,
            timeout=timeout,
            again=bool(signal.attempts),
        )

    async def _write(self, job: Job, action: on.Action | None) -> on.Action | None:
        """Write what the machine wants written, if it does, and tell of it; gives what it wants next."""
        if isinstance(action, on.Write):
            try:
                if not await self._store.update_signal(job.signal.signal_id, action.state, action.attempt):
                    return job.handle(on.SettledElsewhere())
            except StorageError as error:
                _log.warning("a signal's state can't be recorded yet", **_of(job.signal), error=str(error))
                return job.handle(on.NotWritten(self._clock(), str(error), STORAGE_RETRY))
            attempt, action = action.attempt, job.handle(on.Written(self._clock()))
            if job.signal.state is SignalState.RECORDED or isinstance(action, on.Send):
                self._tell(job.signal, attempt)
        elif isinstance(action, on.Send) and not action.again:
            self._tell(job.signal)
        return action

    async def _rest(self, job: Job, until: float) -> on.Action | None:
        """Wait; None when the courier closes first: the entry is left to the next process."""
        if self.closes_at is not None and until >= self.closes_at:
            return None
        job.wake.clear()
        try:
            async with asyncio.timeout(until - self._clock()):
                await job.wake.wait()
        except TimeoutError:
            return job.handle(on.Rested(self._clock()))
        return job.handle(on.Woken(self._clock()))

    async def _settle(self, signal: Signal, attempt: Attempt | None) -> None:
        """Write the end of an entry down and tell of it. When the storage is faulty it is written later.

        Until then the disk says ``sending``, which nobody sends again, or ``recorded`` if it never went out.
        """
        try:
            await self._store.update_signal(signal.signal_id, signal.state, attempt)
        except StorageError as error:
            _log.error("a signal's end can't be recorded yet", **_of(signal), error=str(error))
            self._unwritten.append((signal.signal_id, signal.state, attempt))
            if self._writer is None or self._writer.done():
                self._writer = asyncio.get_running_loop().create_task(self._write_when_healed())
        self._tell(signal, attempt)

    async def _write_when_healed(self) -> None:
        while self._unwritten:
            await asyncio.sleep(STORAGE_RETRY)
            with suppress(StorageError):
                await self._write_ends()

    async def _write_ends(self) -> None:
        while self._unwritten:
            await self._store.update_signal(*self._unwritten[0])
            self._unwritten.popleft()

    def _tell(self, signal: Signal, attempt: Attempt | None = None) -> None:
        event = SignalEvent(signal, attempt)
        if signal.state.final:
            _log.info(
                f"{signal.channel.value} settled",
                **_of(signal),
                contact_id=signal.contact_id,
                moment=signal.moment.value,
                outcome=event.outcome,
                status=None if attempt is None else attempt.status,
                detail="" if attempt is None else attempt.detail,
                attempts=len(signal.attempts),
            )
        try:
            self._on_event(event)
        except Exception:  # noqa: BLE001 - an internal error of a listener must not end the delivery
            _log.exception("nobody could be told of a signal", **_of(signal))


def _of(signal: Signal) -> dict[str, str]:
    """What each line of the log about an entry says."""
    return {"call_id": signal.call_id, "project": signal.project}
