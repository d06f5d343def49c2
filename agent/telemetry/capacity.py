# SPDX-License-Identifier: GPL-3.0-or-later
"""What this node has room for, and how much of it is taken: read at each scrape."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from agent import __version__
from agent.core.frozen import NOTHING
from agent.core.model import Snapshot

_PORTS_PER_LEG: Final = 2
"""RTP and RTCP (RFC 3550 section 11)."""


@dataclass(frozen=True, slots=True)
class Space:
    """A file system, in bytes: what an unprivileged user may still write, and its size."""

    free: int
    size: int


def space_at(path: Path) -> Space | None:
    """The file system that holds a path, by the kernel's own counts; None where they can't be had."""
    try:
        found = os.statvfs(path)
    except OSError:
        return None
    return Space(found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize)


@dataclass(frozen=True, slots=True)
class Room:
    """What a node has room for.

    Attributes:
        node: its name.
        calls: the most calls at once.
        project_calls: the same of projects that have a limit of their own.
        rtp_ports: UDP ports for RTP and RTCP.
        rtp_ports_used: those that legs have taken.
        storage: where the record is written; None where that is another machine's.
    """

    node: str = ""
    calls: int = 0
    project_calls: Mapping[str, int] = NOTHING
    rtp_ports: int = 0
    rtp_ports_used: int = 0
    storage: Space | None = None


def room_of(snapshot: Snapshot, legs: int) -> Room:
    """The room of a node.

    Args:
        snapshot: the configuration in force.
        legs: how many are up.
    """
    settings, database = snapshot.agent, snapshot.agent.database
    limits = ((project.project, project.limits.calls) for project in snapshot.projects.values())
    return Room(
        node=settings.node,
        calls=settings.limits.calls,
        project_calls={name: most for name, most in limits if most is not None},
        rtp_ports=settings.media.rtp_ports.count,
        rtp_ports_used=legs * _PORTS_PER_LEG,
        storage=space_at(database.parent) if database else None,
    )


class Capacity(Collector):
    """Gauges of a node's room.

    Attributes:
        read: gives it as it is now.
    """

    def __init__(self) -> None:
        self.read: Callable[[], Room] = Room

    def collect(self) -> Iterable[Metric]:
        """Each of them, as it is now."""
        room = self.read()
        info = GaugeMetricFamily("handoff_node_info", "1, with the node's name", labels=["node", "version"])
        if room.node:
            info.add_metric([room.node, __version__], 1.0)
        yield info
        yield _gauge("calls_limit", "The most calls that may be up", room.calls)
        limits = GaugeMetricFamily(
            "handoff_project_calls_limit", "The most calls of a project that has a limit", labels=["project"]
        )
        for project, most in room.project_calls.items():
            limits.add_metric([project], most)
        yield limits
        yield _gauge("rtp_ports_limit", "UDP ports that there are for RTP and RTCP", room.rtp_ports)
        yield _gauge("rtp_ports_used", "UDP ports that legs have taken for RTP and RTCP", room.rtp_ports_used)
        free, size = (disk.free, disk.size) if (disk := room.storage) else (None, None)
        yield _gauge("storage_free_bytes", "Room left under the record", free)
        yield _gauge("storage_size_bytes", "Size of the disk under it", size)


def _gauge(name: str, text: str, value: float | None) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"handoff_{name}", text, value=value)
