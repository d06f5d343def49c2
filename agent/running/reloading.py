# SPDX-License-Identifier: GPL-3.0-or-later
"""Reloads that a signal or an edit asks for, and what each part is told when a snapshot came into force."""

from __future__ import annotations

from agent.calls.tasks import Tasks
from agent.configuration import Reloaded
from agent.core.reloads import Cause
from agent.process import Asked
from agent.running.parts import Parts
from agent.settings import Summary
from agent.sip import guard
from agent.telemetry import logs
from agent.telemetry.audit import of_reload


class Reloading:
    """Looks for what asks for a reload.

    Args:
        asked: what signals ask for.
        parts: are told what came into force.
    """

    def __init__(self, asked: Asked, parts: Parts) -> None:
        self._asked = asked
        self._parts = parts
        self._tasks = Tasks(lambda error: parts.contained.took("reload", error))
        self._down = False

    def look(self) -> None:
        """Reload if a signal asked for it, or a file was edited."""
        if self._asked.reload:
            self._asked.reload = False
            self._tasks.run(self._reload())
        else:
            self._tasks.run(self._look_for_edits())

    def applied(self, difference: Summary) -> None:
        """A snapshot came into force: tell the parts."""
        if self._down:
            return  # what it would be told to is closed
        parts, snapshot = self._parts, self._parts.configuration.snapshot
        parts.stack.let_in(guard.Doors.of(snapshot))
        log = snapshot.agent.log
        logs.configure(log.level, log.format, log.numbers, log.file)
        parts.closer.follow(snapshot.agent)
        parts.outbound.applied()
        if difference.renewed:
            parts.tasks.run(parts.renewal.renew(difference.renewed, snapshot))
        self.prepare_comfort()
        parts.probes.follow(snapshot)
        parts.synthetic.follow(snapshot)
        parts.switchboard.refresh()

    def prepare_comfort(self) -> None:
        """Have the comfort audio of all projects at hand."""
        projects = self._parts.configuration.projects()
        self._parts.stack.comfort.prepare(project.handoff.comfort_audio for project in projects)

    async def aclose(self) -> None:
        """Cancel a reload under way; its child process is killed. One that HTTP asked for is over by now."""
        self._down = True
        await self._tasks.cancel()

    async def _reload(self) -> None:
        cause = Cause("signal", origin="SIGHUP")
        self._tell(await self._parts.configuration.reload(cause=cause), "a signal", "SIGHUP")

    async def _look_for_edits(self) -> None:
        done = await self._parts.configuration.look()
        if done is not None and done.result != "unchanged":
            self._tell(done, "an edit", "file")

    def _tell(self, done: Reloaded, who: str, origin: str) -> None:
        outcome = of_reload(done.result, done.mistakes, done.changes)
        self._parts.audit.record("reload", who=who, origin=origin, outcome=outcome)
