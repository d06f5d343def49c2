# SPDX-License-Identifier: GPL-3.0-or-later
"""The agent's ``/metrics``, as far as a load asks for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from agent.core.errors import AgentError

_WANTED: Final = (
    "handoff_calls_active",
    "handoff_invites_total",
    "handoff_calls_total",
    "handoff_signals_total",
    "handoff_signals_pending",
    "handoff_signal_seconds_bucket",
    "handoff_rtp_packets_received_total",
    "handoff_rtp_packets_lost_total",
    "handoff_loop_lag_seconds_bucket",
    "handoff_internal_errors_total",
    "process_cpu_seconds_total",
    "process_resident_memory_bytes",
)
_SECONDS: Final = 5.0
_OK: Final = 200


@dataclass(frozen=True, slots=True)
class Metrics:
    """The samples at one moment."""

    samples: Mapping[tuple[str, frozenset[tuple[str, str]]], float]

    def total(self, name: str, **labels: str) -> float:
        """The sum over all samples of a name that carry these labels; 0 if there is none."""
        wanted = labels.items()
        return sum(value for (key, has), value in self.samples.items() if key == name and wanted <= has)

    def has(self, name: str) -> bool:
        """Whether there is a sample of that name."""
        return any(key == name for key, _ in self.samples)

    def since(self, before: Metrics | None, name: str, **labels: str) -> float:
        """By how much it grew."""
        return self.total(name, **labels) - (before.total(name, **labels) if before else 0.0)

    def quantile(self, before: Metrics | None, name: str, share: float) -> float | None:
        """A quantile of what a histogram gained, linear within a bucket, as Prometheus does it.

        None if it gained nothing.
        """
        rows: dict[float, float] = {}
        for (key, labels), value in self.samples.items():
            if key == f"{name}_bucket":
                edge = float(dict(labels)["le"])
                gained = value - (before.samples.get((key, labels), 0.0) if before else 0.0)
                rows[edge] = rows.get(edge, 0.0) + gained
        edges = sorted(rows)
        if not edges or not rows[edges[-1]]:
            return None
        wanted, low, below = share * rows[edges[-1]], 0.0, 0.0
        for edge in edges:
            if rows[edge] >= wanted:
                inside = rows[edge] - below
                if not inside or edge == float("inf"):
                    return low
                return low + (edge - low) * (wanted - below) / inside
            low, below = edge, rows[edge]
        return low


def parse(text: str) -> Metrics:
    """What is asked for of an exposition text; the rest, of which there may be much, is passed over."""
    lines = [line for line in text.splitlines() if line.startswith(_WANTED)]
    return Metrics(
        {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in text_string_to_metric_families("\n".join(lines) + "\n")
            for sample in family.samples
        }
    )


class Scraper:
    """Asks one agent for its metrics.

    Args:
        url: of ``/metrics``.
        http: what it is asked with.
    """

    def __init__(self, url: str, http: aiohttp.ClientSession) -> None:
        self._url = url
        self._http = http

    async def now(self) -> Metrics:
        """The metrics now.

        Raises:
            AgentError: it does not answer, or not with metrics.
        """
        try:
            async with self._http.get(self._url, timeout=aiohttp.ClientTimeout(total=_SECONDS)) as answer:
                if answer.status != _OK:
                    raise AgentError(f"{self._url} answers {answer.status}")
                return parse(await answer.text())
        except (aiohttp.ClientError, TimeoutError) as error:
            raise AgentError(f"{self._url} does not answer: {error or type(error).__name__}") from None
        except ValueError as error:
            raise AgentError(f"{self._url} has no metrics: {error}") from None

    async def perhaps(self) -> Metrics | None:
        """The metrics now, or None where there is no answer just now."""
        try:
            return await self.now()
        except AgentError:
            return None
