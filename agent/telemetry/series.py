# SPDX-License-Identifier: GPL-3.0-or-later
"""Metrics of many series, written in Prometheus' text format without holding the loop up.

The client library takes some 5 µs to write one line. Five hundred projects have more than ten thousand lines,
and a scrape is answered on the loop that also carries the calls. Here each line's head is made once, and a
count costs one call. The classes are used as those of the library are.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Final, Protocol, TypeAlias

Labels: TypeAlias = tuple[str, ...]
_ESCAPED: Final = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


class Family(Protocol):
    """A metric with all its series."""

    def lines(self) -> Iterable[str]:
        """The whole of it in the text format, each line with its end."""


class Value:
    """One series of a counter or a gauge."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0.0

    def inc(self, amount: float = 1.0) -> None:
        """Add to it."""
        self.value += amount

    def dec(self, amount: float = 1.0) -> None:
        """Take from it."""
        self.value -= amount

    def set(self, value: float) -> None:
        """Replace it."""
        self.value = float(value)


class _Named:
    """Name, type, help and names of labels; what the lines of each series begin with."""

    def __init__(self, kind: str, name: str, text: str, labels: Sequence[str]) -> None:
        self.name = name
        self._labels = tuple(labels)
        self._head = f"# HELP {name} {text}\n# TYPE {name} {kind}\n"

    def _pairs(self, values: Labels) -> str:
        named = zip(self._labels, values, strict=True)
        return ",".join(f'{label}="{value.translate(_ESCAPED)}"' for label, value in named)

    def _line(self, values: Labels, suffix: str = "", more: str = "") -> str:
        pairs = ",".join(filter(None, (self._pairs(values), more)))
        return f"{self.name}{suffix}{{{pairs}}} " if pairs else f"{self.name}{suffix} "


class _Single(_Named):
    """Series of one number each; one that has no labels is there from the start."""

    def __init__(self, kind: str, name: str, text: str, labels: Sequence[str]) -> None:
        super().__init__(kind, name, text, labels)
        self._series: dict[Labels, tuple[str, Value]] = {}
        if not labels:
            self.labels()

    def labels(self, *values: str) -> Value:
        """The series with these values, made when it is used first."""
        found = self._series.get(values)
        if found is None:
            found = self._series[values] = self._line(values), Value()
        return found[1]

    def remove(self, *values: str) -> None:
        """Show this series no more."""
        self._series.pop(values, None)

    def lines(self) -> Iterator[str]:
        """See `Family.lines`."""
        yield self._head
        for line, series in self._series.values():
            yield f"{line}{series.value!r}\n"

    def inc(self, amount: float = 1.0) -> None:
        """Add to the one series without labels."""
        self.labels().inc(amount)

    def set(self, value: float) -> None:
        """Replace the one series without labels."""
        self.labels().set(value)


class Counter(_Single):
    """Counts up; its name gets ``_total``."""

    def __init__(self, name: str, text: str, labels: Sequence[str] = ()) -> None:
        super().__init__("counter", f"{name}_total", text, labels)


class Gauge(_Single):
    """Goes up and down."""

    def __init__(self, name: str, text: str, labels: Sequence[str] = ()) -> None:
        super().__init__("gauge", name, text, labels)


class Spread:
    """One series of a histogram: how many fell below each bound and above the one before, and their sum."""

    __slots__ = ("_bounds", "counts", "sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        """Count a value."""
        self.counts[bisect_left(self._bounds, value)] += 1
        self.sum += value


class Histogram(_Named):
    """How values are spread.

    Args:
        name: of the metric.
        text: its help.
        bounds: upper bounds, rising; values are counted by these.
        labels: names of its labels.
        shown: the bounds that are written, some of `bounds`; all of them when not given.
    """

    def __init__(
        self,
        name: str,
        text: str,
        bounds: Sequence[float],
        labels: Sequence[str] = (),
        *,
        shown: Sequence[float] | None = None,
    ) -> None:
        super().__init__("histogram", name, text, labels)
        self._bounds = tuple(bounds)
        wanted = self._bounds if shown is None else tuple(shown)
        self._at = (*(self._bounds.index(bound) for bound in wanted), len(self._bounds))
        self._ends = (*(f'le="{float(bound)!r}"' for bound in wanted), 'le="+Inf"')
        self._series: dict[Labels, tuple[tuple[str, ...], Spread]] = {}
        if not labels:
            self.labels()

    def labels(self, *values: str) -> Spread:
        """The series with these values, made when it is used first."""
        found = self._series.get(values)
        if found is None:
            buckets = (self._line(values, "_bucket", end) for end in self._ends)
            heads = (*buckets, self._line(values, "_count"), self._line(values, "_sum"))
            found = self._series[values] = heads, Spread(self._bounds)
        return found[1]

    def observe(self, value: float) -> None:
        """Count a value in the one series without labels."""
        self.labels().observe(value)

    def spreads(self) -> Iterator[Spread]:
        """All series."""
        return (spread for _, spread in self._series.values())

    def lines(self) -> Iterator[str]:
        """See `Family.lines`."""
        yield self._head
        for heads, spread in self._series.values():
            below = list(accumulate(spread.counts))
            for head, at in zip(heads, self._at, strict=False):  # behind them stand count and sum
                yield f"{head}{below[at]}.0\n"
            yield f"{heads[-2]}{below[-1]}.0\n{heads[-1]}{spread.sum!r}\n"


class Together(Histogram):
    """A histogram without labels that is the sum of all series of another: counted once, shown twice."""

    def __init__(self, name: str, text: str, bounds: Sequence[float], parts: Histogram) -> None:
        super().__init__(name, text, bounds)
        self._parts = parts

    def lines(self) -> Iterator[str]:
        """See `Family.lines`."""
        whole, parts = self.labels(), tuple(self._parts.spreads())
        if parts:
            whole.counts = [sum(row) for row in zip(*(part.counts for part in parts), strict=True)]
            whole.sum = sum(part.sum for part in parts)
        return super().lines()


class Read(_Named):
    """Series that are read at their source, at each scrape.

    Args:
        kind: ``counter`` or ``gauge``.
        name: the whole name.
        text: its help.
        labels: names of its labels.
        read: gives all values, by values of the labels.
    """

    def __init__(
        self,
        kind: str,
        name: str,
        text: str,
        labels: Sequence[str],
        read: Callable[[], Mapping[Labels, float]],
    ) -> None:
        super().__init__(kind, name, text, labels)
        self._read = read
        self._lines: dict[Labels, str] = {}

    def lines(self) -> Iterator[str]:
        """See `Family.lines`."""
        yield self._head
        found = self._read()
        if len(self._lines) > 2 * len(found):  # projects have gone
            self._lines.clear()
        for values, value in found.items():
            line = self._lines.get(values)
            if line is None:
                line = self._lines[values] = self._line(values)
            yield f"{line}{float(value)!r}\n"
