# SPDX-License-Identifier: GPL-3.0-or-later
"""What the overview shows of the node: plain values, and the desk that gives them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from agent.core.frozen import NOTHING
from agent.telemetry.pulse import Beat


@dataclass(frozen=True, slots=True)
class ProjectSight:
    """One project; counts are since the start.

    Attributes:
        project: its name.
        up: calls that are up.
        answered: calls that a voice agent answered.
        handed_off: calls that were handed back.
        refused: INVITEs by the reason for which they were refused.
        signals: by outcome.
        in_force: whether the configuration has it still.
    """

    project: str
    up: int = 0
    answered: int = 0
    handed_off: int = 0
    refused: Mapping[str, int] = NOTHING
    signals: Mapping[str, int] = NOTHING
    in_force: bool = True


@dataclass(frozen=True, slots=True)
class TargetSight:
    """Where a voice agent is dialled. ``up`` is what its probes say; None where it is not probed."""

    project: str
    uri: str
    up: bool | None


@dataclass(frozen=True, slots=True)
class Overview:
    """The node as it is now.

    Attributes:
        node: its name.
        state: a value of `agent.core.node.NodeState`.
        ready: whether new calls are taken.
        reason: why it is in this state.
        calls: that are up.
        limit: the most it takes.
        since: when it started, in seconds since the epoch.
        beats: the last hour, oldest first.
        projects: those with traffic first.
        targets: the ones that are down first.
        pending: signals that are not settled yet.
        owed: moments of calls that the storage did not take yet.
        unplaced: INVITEs that were refused before a project was known, by reason.
        dropped: lines of the log that were lost.
        restart: keys of the configuration that wait for the next start.
    """

    node: str
    state: str
    ready: bool
    reason: str
    calls: int = 0
    limit: int = 0
    since: float = 0.0
    beats: Sequence[Beat] = ()
    projects: Sequence[ProjectSight] = ()
    targets: Sequence[TargetSight] = ()
    pending: int = 0
    owed: int = 0
    unplaced: Mapping[str, int] = field(default=NOTHING)
    dropped: int = 0
    restart: Sequence[str] = ()


class OverviewDesk(Protocol):
    """What the console's frame and overview need."""

    def node_name(self) -> str:
        """The node's name."""

    def overview(self) -> Overview:
        """The node as it is now."""
