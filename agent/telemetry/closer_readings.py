# SPDX-License-Identifier: GPL-3.0-or-later
"""Metrics of what looks closer at calls, read at each scrape: captures, HEP, traces."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector, CollectorRegistry


class CloserReadings(Collector):
    """Values that are read at their source, so that they are never stale.

    Args:
        registry: where it is read from.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self.captures: Callable[[], int] = int
        self.capture_dropped: Callable[[], int] = int
        self.hep: Callable[[], tuple[int, int]] = lambda: (0, 0)
        self.traces: Callable[[], tuple[int, int, int]] = lambda: (0, 0, 0)
        registry.register(self)

    def collect(self) -> Iterable[Metric]:
        """Each of them, as it is now."""
        yield GaugeMetricFamily("handoff_captures_active", "Captures under way", value=self.captures())
        yield CounterMetricFamily(
            "handoff_capture_packets_dropped",
            "Packets of captured calls that found no room on their way to the file",
            value=self.capture_dropped(),
        )
        hep = CounterMetricFamily(
            "handoff_hep_packets", "HEP3 packets, by what became of them", labels=["outcome"]
        )
        for outcome, count in zip(("sent", "dropped"), self.hep(), strict=True):
            hep.add_metric([outcome], count)
        yield hep
        exported, dropped, calls = self.traces()
        spans = CounterMetricFamily(
            "handoff_spans", "Spans of traces, by what became of them", labels=["outcome"]
        )
        spans.add_metric(["exported"], exported)
        spans.add_metric(["dropped"], dropped)
        yield spans
        yield CounterMetricFamily(
            "handoff_traces_dropped", "Calls that were to be traced and found no room", value=calls
        )
