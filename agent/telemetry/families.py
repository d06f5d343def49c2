# SPDX-License-Identifier: GPL-3.0-or-later
"""The metrics of one process as they are made: all of them in order, and the series of each."""

from __future__ import annotations

from typing import Generic, Protocol, TypeVar

from agent.telemetry.series import Counter, Family, Gauge, Histogram, Spread, Value

_Child_co = TypeVar("_Child_co", covariant=True)
_Kept = TypeVar("_Kept")


class _Labelled(Protocol[_Child_co]):
    def labels(self, *labelvalues: str) -> _Child_co: ...


class Children(dict[tuple[str, ...], _Kept], Generic[_Kept]):
    """The series of one metric by their label values: to be found without a call."""

    def __init__(self, parent: _Labelled[_Kept]) -> None:
        super().__init__()
        self._parent = parent

    def __missing__(self, values: tuple[str, ...]) -> _Kept:
        child = self[values] = self._parent.labels(*values)
        return child


class Families(list[Family]):
    """Makes metrics, each with the prefix of all of ours, and keeps them in this order."""

    def counter(self, name: str, text: str) -> Counter:
        """One without labels."""
        made = Counter(f"handoff_{name}", text)
        self.append(made)
        return made

    def counters(self, name: str, text: str, *labels: str) -> Children[Value]:
        """One with these labels."""
        made = Counter(f"handoff_{name}", text, labels)
        self.append(made)
        return Children(made)

    def gauge(self, name: str, text: str, *labels: str) -> Gauge:
        """One with these labels, if any; its series can be removed."""
        made = Gauge(f"handoff_{name}", text, labels)
        self.append(made)
        return made

    def histogram(self, name: str, text: str, buckets: tuple[float, ...]) -> Histogram:
        """One without labels."""
        made = Histogram(f"handoff_{name}", text, buckets)
        self.append(made)
        return made

    def histograms(self, name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Children[Spread]:
        """One with these labels."""
        made = Histogram(f"handoff_{name}", text, buckets, labels)
        self.append(made)
        return Children(made)
