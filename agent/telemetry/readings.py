# SPDX-License-Identifier: GPL-3.0-or-later
"""Metrics that are read at their source, at each scrape."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Callable, Iterable, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from agent.telemetry.series import Family, Read


class Readings(Collector):
    """Values that are read at their source at each scrape, so that they are never stale.

    INVITEs are counted in two places, by Python and by the guard in C; one family shows both, so that nothing
    is copied over and counted twice.

    Attributes:
        invites: those that Python answered, by project and result.
        guard: gives those that the guard answered, by result.
        node_state: gives the state from the one place that holds it.
        node_states: all that it may be in.
        pending: gives how many signals are not settled.
        oldest: gives the seconds for which the oldest of them has waited.
        outbox: gives how many entries are not settled, by channel.
        storage_fault: gives why records can't be made durable; nothing where they can.
        owed: gives how many moments of calls wait for the storage.
        credential_alarms: gives, by project, whether its credential is refused.
        failing: gives, by project, whether its signals do not get through.
        legs: gives how many are up.
        native_calls: gives how many pjsua holds.
        names: gives how many names SIP and SDP were refused.
        tasks: gives how many the event loop has: they show leaks.
        log_lines_dropped: gives how many.
    """

    def __init__(self) -> None:
        self.invites: Tally[tuple[str, str]] = Tally()
        self.guard: Callable[[], Mapping[str, int]] = dict
        self.node_state: Callable[[], str] = str
        self.node_states: tuple[str, ...] = ()
        self.pending: Callable[[], int] = int
        self.oldest: Callable[[], float] = float
        self.outbox: Callable[[], Mapping[str, int]] = dict
        self.storage_fault: Callable[[], str | None] = str
        self.owed: Callable[[], int] = int
        self.credential_alarms: Callable[[], Mapping[str, bool]] = dict
        self.failing: Callable[[], Mapping[str, bool]] = dict
        self.legs: Callable[[], int] = int
        self.native_calls: Callable[[], int] = int
        self.names: Callable[[], int] = int
        self.tasks: Callable[[], int] = int
        self.log_lines_dropped: Callable[[], int] = int

    def families(self) -> Iterable[Family]:
        """Those of which there is a series, or several, for each project."""
        project = ("project",)
        yield Read(
            "counter",
            "handoff_invites_total",
            "INVITEs by what became of them",
            ("project", "result"),
            self._all_invites,
        )
        yield Read(
            "gauge",
            "handoff_credential_alarm",
            "1 while the project's CXone credential is refused and must be corrected",
            project,
            lambda: {(name,): refused for name, refused in self.credential_alarms().items()},
        )
        yield Read(
            "gauge",
            "handoff_signals_failing",
            "1 while signals of the project do not get through, whatever the reason",
            project,
            lambda: {(name,): fails for name, fails in self.failing().items()},
        )

    def _all_invites(self) -> Mapping[tuple[str, ...], int]:
        tally: Tally[tuple[str, ...]] = Tally(self.invites)
        for result, count in self.guard().items():
            tally["", result] += count
        return tally

    def collect(self) -> Iterable[Metric]:
        """Each of them, as it is now."""
        yield self._states()
        yield from self._of_calls()
        yield from self._of_deliveries()
        yield CounterMetricFamily(
            "handoff_log_lines_dropped",
            "Log lines lost, since their reader was too slow or they could not be written",
            value=self.log_lines_dropped(),
        )
        yield GaugeMetricFamily(
            "handoff_loop_tasks", "Tasks of the event loop that are not done", value=self.tasks()
        )

    def _states(self) -> Metric:
        states = GaugeMetricFamily("handoff_node_state", "1 for the state the node is in", labels=["state"])
        current = self.node_state()
        for state in dict.fromkeys((*self.node_states, *filter(None, (current,)))):
            states.add_metric([state], float(state == current))
        return states

    def _of_calls(self) -> Iterable[Metric]:
        yield GaugeMetricFamily("handoff_legs_active", "SIP legs that are up", value=self.legs())
        yield GaugeMetricFamily(
            "handoff_native_calls",
            "Call slots that pjsua holds; those of ended calls linger until their last transaction is over",
            value=self.native_calls(),
        )
        yield CounterMetricFamily(
            "handoff_names_refused",
            "Names for which SIP or SDP would have needed DNS; none is looked up there",
            value=self.names(),
        )
        yield GaugeMetricFamily(
            "handoff_moments_waiting",
            "Terminal moments and other promises in memory that the storage did not take yet",
            value=self.owed(),
        )

    def _of_deliveries(self) -> Iterable[Metric]:
        yield GaugeMetricFamily(
            "handoff_storage_fault",
            "1 while records can't be made durable",
            value=float(bool(self.storage_fault())),
        )
        yield GaugeMetricFamily(
            "handoff_signals_pending",
            "Signals recorded or on the wire, not settled yet",
            value=self.pending(),
        )
        yield GaugeMetricFamily(
            "handoff_signals_oldest_seconds",
            "Age of the signal that has waited longest; 0 when none waits",
            value=self.oldest(),
        )
        outbox = GaugeMetricFamily(
            "handoff_outbox_pending", "Entries of the outbox that are not settled yet", labels=["channel"]
        )
        for channel, count in sorted(self.outbox().items()):
            outbox.add_metric([channel], count)
        yield outbox
