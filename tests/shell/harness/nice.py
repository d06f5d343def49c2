# SPDX-License-Identifier: GPL-3.0-or-later
"""NICE as the courier sees it: each request waits for the test's answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from agent.core.model import Project
from agent.core.outcomes import Answer, Outcome

ACCEPTED = Answer(Outcome.ACCEPTED, 202, "")
REFUSED = Answer(Outcome.FORBIDDEN, 403, "")


class Nice:
    """A `Sender` and a `Poster`.

    Attributes:
        warm: whether a request can leave at once.
        slow: whether an arrival waits for the test's answer like the others.
        sent: the p1 of each signal that left, in order.
        posted: the bodies of webhooks.
    """

    def __init__(self) -> None:
        self.warm = True
        self.slow = False
        self.sent: list[str] = []
        self.posted: list[str] = []
        self._waiting: list[asyncio.Future[Answer]] = []

    def can_send_now(self, project: Project) -> bool:
        """As the test says."""
        return self.warm and project.cxone is not None

    async def signal(
        self,
        project: Project,
        contact_id: str,
        parameters: Mapping[str, str],
        *,
        before_send: Callable[[], Awaitable[None]] | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - as the client has it
        again: bool = False,
    ) -> Answer:
        """Wait for the test's answer; an arrival is accepted at once, unless NICE is slow."""
        _ = project, contact_id, timeout, again
        if before_send is not None:
            await before_send()
        self.sent.append(parameters["p1"])
        if parameters["p1"] == "arrival" and not self.slow:
            return ACCEPTED
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append(answer)
        return await answer

    def answers(self, answer: Answer) -> None:
        """Answer all that waits."""
        for one in self._waiting:
            if not one.done():
                one.set_result(answer)
        self._waiting.clear()

    async def post(
        self,
        project: Project,
        body: str,
        *,
        before_send: Callable[[], Awaitable[None]],
        timeout: float,  # noqa: ASYNC109 - as the poster has it
    ) -> Answer:
        """Take a webhook."""
        _ = project, timeout
        await before_send()
        self.posted.append(body)
        return ACCEPTED
