# SPDX-License-Identifier: GPL-3.0-or-later
"""The result of a load: its verdict, and what is kept of it as JSON and CSV."""

from __future__ import annotations

import csv
import json
import math
import os
import platform
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from agent import __version__
from agent.load.course import Course, End, Sample, figures, quantile
from agent.load.limits import Figures, Judged
from agent.load.search import Found

RESULT: Final = "result.json"
SAMPLES: Final = "samples.csv"
SETUPS: Final = "setups.csv"
VERSION: Final = 1
_SLICES: Final = 10
CLEAN, BROKEN, INTERRUPTED = 0, 1, 130


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a load.

    Attributes:
        course: the run; of a search the last one that was clean, else the last one.
        judged: each limit, and whether it holds.
        where: what was loaded, in words.
        found: what the search found; None if there was none.
    """

    course: Course
    judged: tuple[Judged, ...]
    where: str
    found: Found | None = None

    @property
    def code(self) -> int:
        """The exit code."""
        if self._interrupted:
            return INTERRUPTED
        if self.found is not None:
            return CLEAN if self.found.over and self.found.highest is not None else BROKEN
        return BROKEN if self.course.end is End.DIED or self._broken else CLEAN

    @property
    def verdict(self) -> str:
        """The verdict in a line."""
        course = self.course
        if self._interrupted:
            return f"INTERRUPTED after {course.last.time:.0f} s, {self._last.why}: what there is, not judged"
        if self._last.end is End.DIED:
            return f"BROKEN OFF: {self._last.why}"
        if self.found is not None:
            return self.found.text()
        if self._broken:
            names = ", ".join(one.limit.measure.name for one in self.judged if one.broken)
            return f"NOT within the limits: {names}"
        return "within all limits"

    @property
    def _last(self) -> Course:
        """The run that was the last: of a search its last step."""
        return self.found.steps[-1].course if self.found is not None and self.found.steps else self.course

    @property
    def _interrupted(self) -> bool:
        return self._last.end is End.INTERRUPTED

    @property
    def _broken(self) -> bool:
        return any(one.broken for one in self.judged)


def document(outcome: Outcome) -> dict[str, Any]:
    """The result as plain data; times in seconds."""
    course = outcome.course
    plan, waits, measured = course.plan, course.counted(), figures(course)
    return {
        "version": VERSION,
        "profile": plan.profile.name,
        "when": datetime.fromtimestamp(course.began, UTC).isoformat(timespec="seconds"),
        "where": outcome.where,
        "machine": machine(),
        "rate": plan.ramp.text(),
        "length": plan.length,
        "hold": plan.hold,
        "at_once": plan.at_once,
        "end": str(course.end),
        "why": course.why,
        "verdict": outcome.verdict,
        "exit_code": outcome.code,
        "limits": [
            {"limit": one.limit.text(), "held": one.held, "text": one.text()} for one in outcome.judged
        ],
        "figures": {name: asdict(figure) for name, figure in measured.items()},
        "spread": spread(course, measured),
        "setup": {
            "calls": len(waits),
            **{
                f"p{share:g}": quantile(waits, share / 100) for share in (1, 10, 25, 50, 75, 90, 95, 99, 99.9)
            },
        },
        "totals": {
            "begun": course.last.begun,
            "done": course.last.done,
            "failed": course.last.failed,
            "retransmissions": course.last.retransmissions,
        },
        "reasons": dict(course.reasons),
        "errors": [asdict(one) for one in course.troubles],
        "nice": asdict(course.nice) if course.nice else None,
        "search": _searched(outcome.found),
    }


def keep(outcome: Outcome, folder: Path) -> None:
    """Write the JSON and both CSV files into a folder.

    Raises:
        OSError: they can't be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / RESULT).write_text(json.dumps(document(outcome), indent=2) + "\n")
    course = outcome.course
    cpu = list(dict.fromkeys(name for one in course.samples for name in one.cpu))
    plain = [field.name for field in fields(Sample) if field.name != "cpu"]
    _csv(
        folder / SAMPLES,
        [*plain, *(f"cpu_{name}" for name in cpu)],
        (
            [*(getattr(one, name) for name in plain), *(one.cpu.get(name) for name in cpu)]
            for one in course.samples
        ),
    )
    rows = ([f"{when:.3f}", f"{wait:.3f}"] for when, wait in zip(course.when, course.waited, strict=True))
    _csv(folder / SETUPS, ["time", "setup_seconds"], rows)


def machine() -> dict[str, object]:
    """What it was measured on."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    model = next((line.partition(":")[2].strip() for line in lines if "model name" in line), "unknown")
    return {
        "processor": model,
        "cores": len(os.sched_getaffinity(0)),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "handoff_agent": __version__,
    }


def spread(course: Course, measured: Figures) -> dict[str, float]:
    """How sure each figure is by itself: its standard error.

    Counts: that of a Poisson count. Times and CPU: from ten slices of the run, each measured alone. What one
    run can't tell is how much another run differs, for reasons that lie outside.
    """
    found = {
        name: math.sqrt(max(1.0, figure.value)) for name, figure in measured.items() if figure.of is not None
    }
    slices = _slices(course)
    for name, share in (("setup_p50", 0.5), ("setup_p95", 0.95), ("setup_p99", 0.99)):
        if name in measured:
            found[name] = _error([quantile(sorted(one), share) for one in slices if one])
    for name, values in (
        ("cpu", [next(iter(one.cpu.values())) for one in course.samples if one.cpu]),
        ("signal_p99", [one.signal_p99 for one in course.samples if one.signal_p99 is not None]),
    ):
        if name in measured and values:
            size = max(1, len(values) // _SLICES)
            parts = [values[n : n + size] for n in range(0, len(values), size)]
            found[name] = _error([statistics.fmean(part) for part in parts])
    return {name: round(value, 6) for name, value in found.items()}


def _slices(course: Course) -> list[list[float]]:
    end = max(course.when, default=0.0) + 0.001
    slices: list[list[float]] = [[] for _ in range(_SLICES)]
    for when, wait in zip(course.when, course.waited, strict=True):
        if when >= course.plan.settle:
            slices[min(_SLICES - 1, max(0, int(when / end * _SLICES)))].append(wait)
    return slices


def _error(values: Sequence[float]) -> float:
    return statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else 0.0


def _searched(found: Found | None) -> dict[str, Any] | None:
    if found is None:
        return None
    steps = [
        {
            "rate": step.rate,
            "clean": step.clean,
            "limits": [one.text() for one in step.judged if one.broken],
            "setup_p99": quantile(step.course.counted(), 0.99),
            "failed": step.course.last.failed,
        }
        for step in found.steps
    ]
    return {"highest": found.highest, "broken": found.broken, "over": found.over, "steps": steps}


def _csv(path: Path, names: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        writer.writerows(rows)
