# SPDX-License-Identifier: GPL-3.0-or-later
"""Gauges of the shared database: whether it takes writes, who copies it, and how far behind a copy is."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from agent.core.replication import Replication


class ReplicationReadings(Collector):
    """What the last look at the database has found.

    Attributes:
        found: that; None where the record is a file.
    """

    def __init__(self) -> None:
        self.found: Replication | None = None

    def collect(self) -> Iterable[Metric]:
        """Each of them; no series of what could not be found out."""
        found = self.found
        yield _gauge(
            "primary",
            "1 while a PostgreSQL server that takes writes is found, 0 while none is",
            None if found is None else found.primary,
        )
        found = found or Replication()
        yield _gauge(
            "replication_readable", "1 where the agent's role may read pg_stat_replication", found.readable
        )
        yield _gauge("synchronous", "1 where a commit waits for a standby", found.synchronous)
        standbys = GaugeMetricFamily(
            "handoff_database_standbys", "Standbys that are attached to the database", labels=["sync"]
        )
        if found.synchronous_standbys is not None and found.asynchronous_standbys is not None:
            standbys.add_metric(["synchronous"], found.synchronous_standbys)
            standbys.add_metric(["asynchronous"], found.asynchronous_standbys)
        yield standbys
        yield _gauge("lag_bytes", "WAL that the last standby has not replayed", found.lag_bytes)
        yield _gauge("lag_seconds", "How long the last standby is behind", found.lag_seconds)


def _gauge(name: str, text: str, value: float | None) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"handoff_database_{name}", text, value=None if value is None else float(value))
