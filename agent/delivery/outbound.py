# SPDX-License-Identifier: GPL-3.0-or-later
"""The way out to NICE and to customers' systems: sessions, log-ins, and the courier that delivers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from agent.core.errors import AgentError
from agent.core.model import Project
from agent.core.records import Channel
from agent.cxone.client import Cxone
from agent.cxone.tms import Tms
from agent.cxone.token import Alarm
from agent.delivery.courier import Courier, SignalEvent
from agent.delivery.store import Store
from agent.names.names import Names
from agent.telemetry import logs
from agent.telemetry.metrics import Metrics
from agent.web.session import new_session, new_session_apart
from agent.webhooks.poster import Webhooks

_log = logs.logger("outbound")
_WARM_UP_SECONDS = 3.0


class Outbound:
    """What leaves this node by HTTP.

    Args:
        store: holds what is to be delivered.
        project_of: the project in force now, by account and name; None when it is configured no more.
        projects: gives the projects in force.
        metrics: told of log-ins.
        on_event: told of each change of a signal.
        names: looks host names up.

    Attributes:
        courier: delivers what is in the outbox.
    """

    def __init__(
        self,
        store: Store,
        project_of: Callable[[str, str], Project | None],
        projects: Callable[[], Iterable[Project]],
        metrics: Metrics,
        on_event: Callable[[SignalEvent], None],
        *,
        names: Names,
    ) -> None:
        self._projects = projects
        session, apart = new_session(names), new_session_apart(names)
        self._sessions = (session, apart)
        self._cxone = Cxone(session, on_token=metrics.token_requested)
        self.courier = Courier(
            store,
            self._cxone,
            project_of,
            on_event,
            posters={Channel.WEBHOOK: Webhooks(apart), Channel.TRANSCRIPT: Tms(self._cxone, apart)},
        )

    async def warm_up(self) -> None:
        """Get tokens and discover ahead of the first call; a NICE that is down or slow is not waited for."""
        tenants = [asyncio.ensure_future(self._ready(project)) for project in self._tenants()]
        if tenants:
            await asyncio.wait(tenants, timeout=_WARM_UP_SECONDS)

    async def _ready(self, project: Project) -> None:
        try:
            await self._cxone.ready(project)
        except AgentError as error:
            _log.warning("CXone is not ready, signals will wait", project=project.project, error=str(error))

    def applied(self) -> None:
        """The configuration changed: what was learned of tenants that are gone is forgotten."""
        self._cxone.keep_only(self._projects())

    def alarms(self) -> dict[str, Alarm]:
        """Projects whose signals do not get through, and why: the credential is refused, or all fail."""
        found = ((project.project, self._cxone.alarm(project)) for project in self._tenants())
        return {name: alarm for name, alarm in found if alarm is not None}

    def refused(self) -> dict[str, bool]:
        """For each project that signals, whether its credential is refused."""
        alarms = self.alarms()
        names = (project.project for project in self._tenants())
        return {name: name in alarms and alarms[name].refused for name in names}

    def failing(self) -> dict[str, bool]:
        """For each project that signals, whether it has an alarm of any kind."""
        alarms = self.alarms()
        return {project.project: project.project in alarms for project in self._tenants()}

    async def aclose(self, grace: float) -> None:
        """Let deliveries go on for `grace` seconds, then end."""
        await self.courier.aclose(grace)
        await self._cxone.aclose()
        for session in self._sessions:
            await session.aclose()

    def _tenants(self) -> list[Project]:
        return [project for project in self._projects() if project.cxone is not None]
