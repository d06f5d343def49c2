# SPDX-License-Identifier: GPL-3.0-or-later
"""Two loads held against each other: what is better, what is worse, by how much, and what is noise."""

from __future__ import annotations

import csv
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from agent.core.errors import AgentError
from agent.load.limits import MEASURES, Figure, Measure, Unit, figure_text
from agent.load.outcome import RESULT, SAMPLES, VERSION

_SURE: Final = 2.0  # standard errors: one difference in twenty that is only chance goes beyond
_TIME_STEP: Final = 0.004  # SIPp reads the kernel's coarse clock, which goes in ticks (HZ=250)
_POINT_STEP: Final = 1.0
_ALONE: Final = 0.5  # one value of a run, as an extreme is, counts from twice as much on
_ALIKE: Final = ("profile", "rate", "length", "hold", "where")

METHOD: Final = (
    "Noise: the difference is within two standard errors of the two runs, as each run alone shows them (ten "
    "slices of it; counts as Poisson counts), or within 4 ms, a tick of the clock that SIPp reads. One value "
    "of a run (setup_max, gap, loop_lag_p99, memory_growth, reached) counts from twice as much on. Two runs "
    "of one thing differ more than that when the machine is busy with something else: repeat each."
)


@dataclass(frozen=True, slots=True)
class Kept:
    """A result that was kept: its JSON, and the folder it came from."""

    data: dict[str, Any]
    folder: Path

    def figure(self, name: str) -> Figure | None:
        """One of its figures."""
        found = self.data["figures"].get(name)
        return Figure(found["value"], found.get("of")) if found else None

    def setups(self) -> list[tuple[float, float]]:
        """p99 of the set-up time in ms over time in s, from its samples; nothing if they are not there."""
        try:
            with (self.folder / SAMPLES).open(newline="") as file:
                rows = [(row["time"], row["setup_p99"]) for row in csv.DictReader(file)]
            return [(float(time), float(late) * 1000) for time, late in rows if late]
        except (OSError, KeyError, ValueError):
            return []


@dataclass(frozen=True, slots=True)
class Row:
    """One measure of both; `verdict`: better, worse, noise or same."""

    name: str
    a: str
    b: str
    change: str
    verdict: str
    says: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two results, row by row.

    Attributes:
        differs: what was not alike between the two.
    """

    a: Kept
    b: Kept
    rows: tuple[Row, ...]
    differs: tuple[str, ...]

    @property
    def verdict(self) -> str:
        """The whole in a line."""
        worse = [row.name for row in self.rows if row.verdict == "worse"]
        better = [row.name for row in self.rows if row.verdict == "better"]
        if not worse and not better:
            return "no difference beyond noise"
        parts = [
            f"{word}: {', '.join(names)}" for word, names in (("worse", worse), ("better", better)) if names
        ]
        return "B is " + "; ".join(parts)

    @property
    def worse(self) -> bool:
        """Whether anything is worse."""
        return any(row.verdict == "worse" for row in self.rows)


def read(path: Path) -> Kept:
    """Read a result from its folder or its JSON file.

    Raises:
        AgentError: there is none.
    """
    file = path / RESULT if path.is_dir() else path
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise AgentError(
            f"{file} can't be read: {error.strerror}; give the folder of a load, or its {RESULT}"
        ) from None
    except ValueError:
        raise AgentError(f"{file} is no result of a load: it is not JSON") from None
    if not isinstance(data, dict) or not isinstance(data.get("figures"), dict):
        raise AgentError(f"{file} is no result of a load")
    if data.get("version") != VERSION:
        raise AgentError(f"{file} has version {data.get('version')}, and this program reads {VERSION}")
    return Kept(data, file.parent)


def compare(a: Kept, b: Kept) -> Comparison:
    """Hold B against A."""
    rows = []
    for name, measure in MEASURES.items():
        one, two = a.figure(name), b.figure(name)
        if one is not None and two is not None:
            rows.append(_row(measure, one, two, (_error(a, name), _error(b, name))))
    differs = tuple(name for name in _ALIKE if a.data.get(name) != b.data.get(name))
    if a.data.get("machine") != b.data.get("machine"):
        differs += ("machine",)
    return Comparison(a, b, tuple(rows), differs)


def _error(kept: Kept, name: str) -> float:
    return float(kept.data.get("spread", {}).get(name, 0.0))


def _row(measure: Measure, one: Figure, two: Figure, errors: tuple[float, float]) -> Row:
    a, b, noise = one.value, two.value, _SURE * math.hypot(*errors)
    if measure.unit is Unit.CASES and one.of and two.of:
        # Shares are compared, since one of the two may have had more calls.
        a, b = one.percent, two.percent
        noise = _SURE * math.hypot(errors[0] / one.of * 100, errors[1] / two.of * 100)
    if measure.unit is Unit.TIME:
        noise = max(noise, _TIME_STEP)
    if measure.unit is Unit.PERCENT:
        noise = max(noise, _POINT_STEP)
    if not any(errors) and measure.unit is not Unit.CASES:
        noise = max(noise, _ALONE * max(a, b))
    return Row(
        measure.name,
        figure_text(measure, one),
        figure_text(measure, two),
        _change(a, b),
        _verdict(measure, a, b, noise),
        measure.says,
    )


def _verdict(measure: Measure, a: float, b: float, noise: float) -> str:
    if a == b:
        return "same"
    if abs(b - a) <= noise:
        return "noise"
    return "better" if (b > a) is measure.at_least else "worse"


def _change(a: float, b: float) -> str:
    if a == b:
        return "0 %"
    return f"{(b - a) / a * 100:+.1f} %" if a else "from 0"
