# SPDX-License-Identifier: GPL-3.0-or-later
"""The agent's /metrics, read into numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families

Samples = Mapping[tuple[str, frozenset[tuple[str, str]]], float]


def parse(text: str) -> Samples:
    """Every sample of an exposition text, by name and labels."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def total(samples: Samples, name: str, **labels: str) -> float:
    """The sum over all samples of a name that carry these labels (and perhaps others); 0 if there is none."""
    wanted = labels.items()
    return sum(value for (key, has), value in samples.items() if key == name and wanted <= has)


@dataclass(frozen=True, slots=True)
class Since:
    """The metrics at one moment, to tell what has moved since."""

    read: Callable[[], Samples]
    before: Samples

    def moved(self, name: str, **labels: str) -> float:
        """By how much a metric grew since."""
        return total(self.read(), name, **labels) - total(self.before, name, **labels)
