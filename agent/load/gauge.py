# SPDX-License-Identifier: GPL-3.0-or-later
"""One sample after another of a run: SIPp's files, /proc, the agent's metrics, the measured call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agent.load.course import Sample, quantile
from agent.load.listener import Listener
from agent.load.scrape import Metrics, Scraper
from agent.load.sipp import Sipp
from agent.load.usage import Used, Watched, used

_FINE = ("accepted", "cancelled")
_SHORTEST = 0.3  # seconds: CPU is counted in hundredths of one


@dataclass(frozen=True, slots=True)
class Watch:
    """What is looked at beside SIPp.

    Attributes:
        scraper: of the agent's metrics, if somebody said where they are.
        processes: whose CPU is looked at; the agent first.
        listener: the measured call, if there is one.
    """

    scraper: Scraper | None = None
    processes: tuple[Watched, ...] = ()
    listener: Listener | None = None


class Gauge:
    """Takes samples of one run.

    Args:
        watch: what is looked at.
        before: the metrics at the beginning.
    """

    def __init__(self, watch: Watch, before: Metrics | None) -> None:
        self._watch = watch
        self._before = self._metrics = before
        self._used: dict[str, Used] = {}
        self._agent_cpu: tuple[float, float] | None = None
        for one in watch.processes:
            if (now := used(one.pid)) is not None:
                self._used[one.name] = now
        listener = watch.listener
        self._lost, self._expected = (listener.heard.lost, listener.heard.expected) if listener else (0, 0)

    async def sample(self, time: float, rate: float, caller: Sipp, flood: Sipp | None) -> Sample:
        """How it is now, `time` seconds after the beginning."""
        counts = caller.counts()
        known = caller.times.read()
        waits = sorted(caller.times.waited[known:])
        metrics = await self._watch.scraper.perhaps() if self._watch.scraper else None
        flooded = flood.counts() if flood is not None else None
        cpu, memory = self._processes(time, metrics)
        facts = self._of_metrics(metrics) | self._of_listener() | _shares(waits)
        if metrics is not None:
            self._metrics = metrics
        return Sample(
            time=round(time, 3),
            rate=round(rate, 3),
            begun=counts.begun,
            up=counts.up,
            done=counts.done,
            failed=counts.failed,
            retransmissions=counts.retransmissions,
            flood=flooded.begun if flooded else None,
            flood_failed=flooded.failed if flooded else None,
            cpu=cpu,
            memory=memory,
            **facts,  # type: ignore[arg-type]  # counts and seconds by their names
        )

    def _processes(self, time: float, metrics: Metrics | None) -> tuple[dict[str, float], int | None]:
        cpu: dict[str, float] = {}
        memory: int | None = None
        for index, one in enumerate(self._watch.processes):
            now, then = used(one.pid), self._used.get(one.name)
            if now is None:
                continue
            memory = now.memory if index == 0 else memory
            if then is not None and now.at - then.at < _SHORTEST:
                continue
            if then is not None:
                cpu[one.name] = round((now.cpu - then.cpu) / (now.at - then.at) * 100, 1)
            self._used[one.name] = now
        if metrics is not None and not self._watch.processes and metrics.has("process_cpu_seconds_total"):
            total = metrics.total("process_cpu_seconds_total")
            if self._agent_cpu is not None and time > self._agent_cpu[0]:
                spent = total - self._agent_cpu[1]
                cpu["agent"] = round(spent / (time - self._agent_cpu[0]) * 100, 1)
            self._agent_cpu = (time, total)
            memory = int(metrics.total("process_resident_memory_bytes")) or None
        return cpu, memory

    def _of_metrics(self, metrics: Metrics | None) -> dict[str, int | float | None]:
        if metrics is None:
            return {}
        settled = metrics.since(self._before, "handoff_signals_total")
        fine = sum(metrics.since(self._before, "handoff_signals_total", outcome=one) for one in _FINE)
        return {
            "signals": round(settled),
            "signals_failed": round(settled - fine),
            "signals_pending": round(metrics.total("handoff_signals_pending")),
            "signal_p50": metrics.quantile(self._metrics, "handoff_signal_seconds", 0.5),
            "signal_p99": metrics.quantile(self._metrics, "handoff_signal_seconds", 0.99),
            "agent_lost": round(metrics.since(self._before, "handoff_rtp_packets_lost_total")),
            "agent_received": round(metrics.since(self._before, "handoff_rtp_packets_received_total")),
        }

    def _of_listener(self) -> dict[str, int | float | None]:
        if self._watch.listener is None:
            return {}
        heard = self._watch.listener.heard
        return {
            "lost": heard.lost - self._lost,
            "expected": heard.expected - self._expected,
            "gap": round(heard.asked(), 4),
        }


def _shares(ordered: Sequence[float]) -> dict[str, int | float | None]:
    if not ordered:
        return {}
    return {
        "setup_p50": quantile(ordered, 0.5),
        "setup_p95": quantile(ordered, 0.95),
        "setup_p99": quantile(ordered, 0.99),
    }
