# SPDX-License-Identifier: GPL-3.0-or-later
"""One try to send a signal: ``sending`` is durable before the first byte may leave."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from agent.core.errors import AgentError, StorageError
from agent.core.model.project import Project
from agent.core.records import Attempt
from agent.cxone.answers import Answer, Outcome
from agent.delivery.job import Job
from agent.delivery.recording import STORAGE_RETRY, Recording
from agent.telemetry import logs

_log = logs.logger("courier")


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


class _WithdrawnError(AgentError):
    """The signal is not to be sent after all, and no byte of this request was."""


async def try_once(
    job: Job, project: Project | None, sender: Sender, recording: Recording, clock: Callable[[], float]
) -> tuple[Answer, Attempt] | None:
    """Send a signal's request once.

    Args:
        job: the signal.
        project: as it is configured now; None when it is not any more.
        sender: what sends.
        recording: makes ``sending`` durable.
        clock: seconds since the epoch.

    Returns:
        The answer and the attempt to remember, or None if the signal was withdrawn and nothing was sent.
    """
    began = clock()
    try:
        answer = await _answer(job, project, sender, recording, job.signal.expires - began)
    except _WithdrawnError:
        job.on_wire = False
        return None
    except StorageError as error:
        answer = Answer(Outcome.NOT_SENT, None, str(error), STORAGE_RETRY)
    except Exception:  # noqa: BLE001 - a mistake of ours: what is known of the signal must be recorded
        _log.exception("sending broke", call_id=job.signal.call_id)
        answer = Answer(Outcome.UNCERTAIN if job.on_wire else Outcome.NOT_SENT, None, "sending broke")
    job.on_wire = False
    return answer, Attempt(began, clock(), answer.outcome.value, answer.status, answer.detail)


async def _answer(
    job: Job, project: Project | None, sender: Sender, recording: Recording, time_left: float
) -> Answer:
    if project is None or project.cxone is None:
        return Answer(
            Outcome.FORBIDDEN, None, "the project has no CXone tenant in the configuration any more"
        )

    async def before_send() -> None:
        # Asked again before a request is repeated with a fresh token: it is `sending` already.
        if job.stop is None and not job.on_wire:
            job.on_wire = True
            try:
                job.settled_elsewhere = not await recording.go(job)
            except StorageError:
                job.on_wire = False
                raise
        if job.stop is not None or job.settled_elsewhere:
            raise _WithdrawnError("the signal was withdrawn")

    return await sender.signal(
        project,
        job.signal.contact_id,
        job.signal.parameters,
        before_send=before_send,
        timeout=min(project.cxone.timeout, time_left),
    )
