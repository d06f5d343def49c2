# SPDX-License-Identifier: GPL-3.0-or-later
"""What a rollout asks of this node; implements `agent.http.rollout.RolloutDesk`."""

from __future__ import annotations

from agent.configuration import Configuration, Reloaded
from agent.core.reloads import Cause
from agent.core.rollout import Order
from agent.http.ports import ReloadAnswer
from agent.http.rollout import RolloutAnswer


class Rollouts:
    """Asks the configuration in force."""

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration

    async def look(self, *, confirmed: bool) -> RolloutAnswer:
        """What taking the files would do; nothing comes into force."""
        return self._told(await self._configuration.rehearse(confirmed=confirmed))

    async def take(self, order: Order, cause: Cause, *, confirmed: bool) -> RolloutAnswer:
        """Put the files in force if they are those ordered."""
        done = await self._configuration.reload(confirmed=confirmed, cause=cause, order=order)
        return self._told(done)

    async def back(self, to: str, instead_of: str, cause: Cause) -> RolloutAnswer:
        """Put what was in force before in force again."""
        return self._told(await self._configuration.go_back(to, instead_of, cause))

    def _told(self, done: Reloaded) -> RolloutAnswer:
        answer = ReloadAnswer(done.result, done.mistakes, done.changes, done.restart)
        return RolloutAnswer(answer, self._configuration.snapshot.shared_shown, done.files)
