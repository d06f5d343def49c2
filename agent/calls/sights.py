# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks at the running node for the console's overview."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping

from agent.calls.register import Register
from agent.calls.switchboard import Switchboard
from agent.configuration import Configuration
from agent.core.reasons import End, Reason
from agent.http.overview import Overview, ProjectSight, TargetSight
from agent.telemetry import logs
from agent.telemetry.metrics import Metrics
from agent.telemetry.pulse import Pulse
from agent.telemetry.totals import Totals

_ANSWERED = Reason.ANSWERED.value


class Sights:
    """Gives the overview.

    Args:
        register: the calls that are up.
        switchboard: knows the node's state.
        configuration: the one in force.
        metrics: what was counted.
        pulse: the last hour.
        targets_down: URIs of the targets that do not answer their probes.
        pending: signals that are not settled yet.
        owed: moments that the storage did not take yet.
    """

    def __init__(
        self,
        register: Register,
        switchboard: Switchboard,
        configuration: Configuration,
        metrics: Metrics,
        pulse: Pulse,
        *,
        targets_down: Callable[[], frozenset[str]],
        pending: Callable[[], int],
        owed: Callable[[], int],
    ) -> None:
        self._register = register
        self._switchboard = switchboard
        self._configuration = configuration
        self._metrics = metrics
        self._pulse = pulse
        self._targets_down = targets_down
        self._pending = pending
        self._owed = owed
        self._since = time.time()

    def look(self) -> None:
        """Take a beat when it is time; to be called about once a second."""
        now = time.time()
        if self._pulse.due(now):
            self._pulse.take(now, len(self._register), self._metrics.invites)

    def overview(self) -> Overview:
        """The node as it is now."""
        status, snapshot = self._switchboard.status, self._configuration.snapshot
        totals, last = self._metrics.totals(), self._configuration.last
        down = self._targets_down()
        targets = [
            TargetSight(
                project.project,
                target.uri,
                None if project.voice_agent.probe is None else target.uri not in down,
            )
            for project in snapshot.projects.values()
            for target in project.voice_agent.targets
        ]
        up = Counter(call.record.project for call in self._register.calls())
        projects = list(_projects(totals, up, snapshot.projects))
        unplaced = {
            result: count for (project, result), count in totals.invites.items() if not project and count
        }
        return Overview(
            node=snapshot.agent.node,
            state=status.state.value,
            ready=status.ready,
            reason=status.reason,
            calls=len(self._register),
            limit=snapshot.agent.limits.calls,
            since=self._since,
            beats=self._pulse.beats,
            projects=sorted(projects, key=lambda one: (-one.up, -one.answered, one.project)),
            targets=sorted(targets, key=lambda one: (one.up is not False, one.up is None, one.project)),
            pending=self._pending(),
            owed=self._owed(),
            unplaced=unplaced,
            dropped=logs.dropped(),
            restart=() if last is None else last.restart,
        )


def _projects(
    totals: Totals, up: Mapping[str, int], in_force: Mapping[str, object]
) -> Iterator[ProjectSight]:
    refused: defaultdict[str, dict[str, int]] = defaultdict(dict)
    signals: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for (project, result), count in totals.invites.items():
        if result != _ANSWERED and count:
            refused[project][result] = count
    for (project, outcome), count in totals.signals.items():
        if count:
            signals[project][outcome] = count
    seen = {project for project, _ in (*totals.invites, *totals.ends, *totals.signals)}
    for name in {*in_force, *seen, *up} - {""}:
        yield ProjectSight(
            name,
            up=up.get(name, 0),
            answered=totals.invites[name, _ANSWERED],
            handed_off=totals.ends[name, End.HANDOFF.value],
            refused=refused.get(name, {}),
            signals=signals.get(name, {}),
            in_force=name in in_force,
        )
