# SPDX-License-Identifier: GPL-3.0-or-later
"""One exchange with the Signal API, a customer's system or TMS on behalf of an entry's machine."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from agent.core.delivery import Phase
from agent.core.delivery_events import Action, Answered, Ready, Send
from agent.core.errors import AgentError
from agent.core.model.project import Project
from agent.core.outcomes import Answer, Outcome
from agent.core.records import Channel
from agent.core.retries import AT_LEAST_ONCE, AT_MOST_ONCE, CAUTIOUS, Policy
from agent.delivery.job import Job
from agent.telemetry import logs

_log = logs.logger("courier")
_NO_PROJECT = Answer(Outcome.FORBIDDEN, None, "the project is not in the configuration any more")
_NO_POSTER = Answer(Outcome.NOT_SENT, None, "nothing here posts it")
_NO_TENANT = Answer(Outcome.FORBIDDEN, None, "the project has no CXone tenant in the configuration any more")


class Sender(Protocol):
    """What sends one request; `agent.cxone.client.Cxone` is one."""

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
    ) -> Answer:
        """Send; ``before_send`` is awaited before any byte may leave, and what it raises passes."""


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


@dataclass(frozen=True, slots=True)
class Exchange:
    """How to exchange: who sends, what makes the machine's wishes true, the clock and the dice."""

    sender: Sender
    posters: Mapping[Channel, Poster]
    write: Callable[[Job, Action | None], Awaitable[Action | None]]
    clock: Callable[[], float]
    chance: Callable[[], float]

    async def run(self, job: Job, project: Project | None) -> Action | None:
        """Let a signal's request leave, once all is at hand, and give the machine the answer.

        Args:
            job: the signal; it is its turn.
            project: as it is configured now; None when it is not any more.

        Returns:
            What the machine wants next.
        """
        action: Action | None = None

        async def before_send() -> None:
            nonlocal action
            action = await self.write(job, job.handle(Ready(self.clock())))
            if not isinstance(action, Send):
                raise _NotToLeaveError("not to be sent now")

        try:
            answer = await self._answer(job, project, before_send)
        except _NotToLeaveError:
            return action
        except Exception:  # noqa: BLE001 - a mistake of ours: what is known of the signal must be recorded
            _log.exception("sending broke", call_id=job.signal.call_id)
            on_wire = job.phase is Phase.ON_WIRE
            answer = Answer(Outcome.UNCERTAIN if on_wire else Outcome.NOT_SENT, None, "sending broke")
        policy = policy_of(project, job.signal.channel)
        return job.handle(Answered(answer, self.clock(), policy, self.chance()))

    async def _answer(
        self, job: Job, project: Project | None, before_send: Callable[[], Awaitable[None]]
    ) -> Answer:
        signal = job.signal
        if project is None:
            return _NO_PROJECT
        left = signal.expires - self.clock()
        if signal.channel is not Channel.SIGNAL:
            poster = self.posters.get(signal.channel)
            if poster is None:
                return _NO_POSTER
            body = signal.parameters["body"]
            return await poster.post(project, body, before_send=before_send, timeout=left)
        if project.cxone is None:
            return _NO_TENANT
        timeout = min(project.cxone.timeout, left)
        return await self.sender.signal(
            project, signal.contact_id, signal.parameters, before_send=before_send, timeout=timeout
        )


def policy_of(project: Project | None, channel: Channel) -> Policy:
    """What may be repeated: of signals what the project allows, nothing when it is configured no more."""
    if channel is Channel.WEBHOOK:
        return AT_LEAST_ONCE
    if channel is Channel.TRANSCRIPT:
        return AT_MOST_ONCE
    return CAUTIOUS if project is None else Policy(project.repeat_unknown, project.retry_server_faults)
