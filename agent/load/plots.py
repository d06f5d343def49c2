# SPDX-License-Identifier: GPL-3.0-or-later
"""The plots of a report: SVG by pygal, without its script, in colours that the page's style gives."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final
from xml.etree import ElementTree as ET

import pygal
from pygal.style import Style

from agent.load.course import Course, Sample, quantile
from agent.load.search import Step

# pygal looks for plugins by a finder of a kind that Python has given up: each later import would warn of it.
sys.meta_path[:] = [one for one in sys.meta_path if type(one).__module__ != pygal.__name__]

_COLOURS: Final = tuple(f"var(--line-{n})" for n in range(1, 7))
_STYLE: Final = Style(
    background="transparent",
    plot_background="transparent",
    value_background="transparent",
    foreground="var(--ink)",
    foreground_strong="var(--ink)",
    foreground_subtle="var(--soft)",
    guide_stroke_color="var(--rule)",
    major_guide_stroke_color="var(--rule)",
    colors=_COLOURS,
    value_colors=("var(--ink)",) * len(_COLOURS),
    font_family="system-ui, sans-serif",
    label_font_size=13,
    major_label_font_size=13,
    legend_font_size=14,
    title_font_size=16,
    opacity="1",
    stroke_opacity="1",
    stroke_width="2",
    transition="0s",
)
_WIDTH, _HEIGHT = 760, 320
_MOST_POINTS: Final = 400
_BARS: Final = 24
_STEPS: Final = (
    4,
    8,
    20,
    40,
    80,
    200,
    400,
    800,
    2000,
    4000,
    8000,
    10**9,
)  # ms; SIPp tells no less than 4 apart
_SECONDS: Final = "seconds"

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a plot; `second`: its values belong to the axis on the right."""

    name: str
    points: Sequence[Point]
    second: bool = False


@dataclass(frozen=True, slots=True)
class Plot:
    """A picture, what it is called, and what it shows in words, for those who can't see it."""

    title: str
    says: str
    svg: str


def of_run(course: Course) -> list[Plot]:
    """Every plot of which the run has something to show."""
    samples = _thinned(course.samples)
    plots = (
        _distribution(course.counted()),
        _setups(samples),
        _calls(samples),
        _signals(samples),
        _audio(samples),
        _failures(samples),
    )
    return [plot for plot in plots if plot is not None]


def of_search(steps: Sequence[Step]) -> Plot:
    """Set-up time against the rate, of all steps."""
    points = sorted((step.rate, quantile(step.course.counted(), 0.99) * 1000) for step in steps)
    lines = [Line("set-up p99, ms", points)]
    worst = max((value for _, value in points), default=0.0)
    low, high = points[0][0], points[-1][0]
    says = f"{len(points)} steps from {low:g} to {high:g} calls a second; p99 up to {worst:.0f} ms"
    return _lines("Set-up time against the rate", lines, says, x="calls a second", dots=True)


def of_two(a: Sequence[Point], b: Sequence[Point]) -> Plot | None:
    """Set-up times (p99, ms) of two runs over time; None if one has none."""
    if not a or not b:
        return None
    worst = [max(value for _, value in one) for one in (a, b)]
    says = f"the worst second of A had a p99 of {worst[0]:.0f} ms, that of B {worst[1]:.0f} ms"
    return _lines("Set-up time, p99, ms", [Line("A", _fewer(a)), Line("B", _fewer(b))], says)


def _distribution(waits: Sequence[float]) -> Plot | None:
    """How many callers waited how long, in even steps of which the last has all that is longer."""
    if not waits:
        return None
    most = max(1, math.ceil(quantile(waits, 0.995) * 1000) + 1)
    step = next(one for one in _STEPS if most / one <= _BARS)
    counts = [0] * (math.ceil(most / step) + 1)
    for wait in waits:
        counts[min(int(wait * 1000 // step), len(counts) - 1)] += 1
    chart = pygal.Bar(**_options("ms from INVITE to 200", "calls"), show_legend=False)
    names = [f"{n * step}" for n in range(len(counts) - 1)] + [f"{(len(counts) - 1) * step}+"]
    chart.x_labels = names
    chart.x_labels_major = names[:: max(1, len(names) // 8)]
    chart.show_minor_x_labels = False
    chart.add("calls", counts)
    median, late = quantile(waits, 0.5) * 1000, quantile(waits, 0.99) * 1000
    says = f"half of {len(waits)} callers waited {median:.0f} ms at most, 99 % of them {late:.0f} ms"
    return Plot("Set-up time", says, _svg(chart, "Set-up time"))


def _setups(samples: Sequence[Sample]) -> Plot | None:
    lines = [
        Line("p50", _points(samples, lambda one: _ms(one.setup_p50))),
        Line("p95", _points(samples, lambda one: _ms(one.setup_p95))),
        Line("p99", _points(samples, lambda one: _ms(one.setup_p99))),
    ]
    if not any(line.points for line in lines):
        return None
    worst = max(value for line in lines for _, value in line.points)
    return _lines("Set-up time over time, ms", lines, f"the worst second had a p99 of {worst:.0f} ms")


def _calls(samples: Sequence[Sample]) -> Plot:
    lines = [
        Line("calls up", _points(samples, lambda one: float(one.up))),
        Line("calls begun a second", _rate(samples, lambda one: float(one.begun))),
    ]
    names = list(dict.fromkeys(name for one in samples for name in one.cpu))
    lines += [
        Line(f"CPU of {name}, % of a core", _points(samples, _cpu_of(name)), second=True) for name in names
    ]
    most = max(one.up for one in samples)
    busiest = max((value for one in samples for value in one.cpu.values()), default=None)
    used = f"; CPU up to {busiest:.0f} % of a core" if busiest is not None else ""
    return _lines("Calls and CPU", lines, f"{most} calls at once at the most{used}")


def _signals(samples: Sequence[Sample]) -> Plot | None:
    if not any(one.signals for one in samples):
        return None
    lines = [
        Line("p50, ms", _points(samples, lambda one: _ms(one.signal_p50))),
        Line("p99, ms", _points(samples, lambda one: _ms(one.signal_p99))),
        Line("pending", _points(samples, lambda one: _plain(one.signals_pending)), second=True),
    ]
    last = samples[-1]
    says = f"{last.signals} signals settled, {last.signals_failed} of them not accepted"
    return _lines("Signals: from the moment to NICE's acceptance", lines, says)


def _audio(samples: Sequence[Sample]) -> Plot | None:
    last = samples[-1]
    if last.expected:
        lines = [
            Line("packets lost", _points(samples, lambda one: _plain(one.lost))),
            Line("longest gap, ms", _points(samples, lambda one: _ms(one.gap)), second=True),
        ]
        gap = max((one.gap or 0.0 for one in samples), default=0.0) * 1000
        says = f"{last.lost} of {last.expected} packets of the measured call lost; longest gap {gap:.0f} ms"
        return _lines("Loss and gaps", lines, says)
    if last.agent_received:
        line = Line("RTP packets lost, agent's count", _points(samples, lambda one: _plain(one.agent_lost)))
        says = f"{last.agent_lost} of {last.agent_received} packets lost, by the agent's count"
        return _lines("Loss", [line], says)
    return None


def _failures(samples: Sequence[Sample]) -> Plot | None:
    last = samples[-1]
    if not (last.failed or last.retransmissions or last.flood_failed):
        return None
    lines = [
        Line("failed", _points(samples, lambda one: float(one.failed))),
        Line("sent again", _points(samples, lambda one: float(one.retransmissions))),
    ]
    says = f"{last.failed} calls failed, {last.retransmissions} messages were sent again"
    return _lines("Failures and retransmissions since the beginning", lines, says)


# -- drawing -------------------------------------------------------------------------------------------------


def _lines(title: str, lines: Sequence[Line], says: str, *, x: str = _SECONDS, dots: bool = False) -> Plot:
    chart = pygal.XY(**_options(x, ""), show_dots=dots, dots_size=4)
    top = [0.0, 0.0]
    for line in lines:
        if line.points:
            name = f"{line.name} (right)" if line.second else line.name
            chart.add(name, list(line.points), secondary=line.second)
            top[line.second] = max(top[line.second], *(value for _, value in line.points))
    if x == _SECONDS:
        ticks = _ticks(max((time for line in lines for time, _ in line.points), default=1.0))
        chart.xrange, chart.x_labels = (0, ticks[-1]), ticks
    chart.range = (0, _round_up(top[0]))
    if any(line.second and line.points for line in lines):
        chart.secondary_range = (0, _round_up(top[1]))
    return Plot(title, says, _svg(chart, title))


def _options(x: str, y: str) -> dict[str, Any]:
    return {
        "style": _STYLE,
        "js": [],
        "width": _WIDTH,
        "height": _HEIGHT,
        "disable_xml_declaration": True,
        "legend_at_bottom": True,
        "legend_at_bottom_columns": 3,
        "legend_box_size": 14,
        "x_title": x,
        "y_title": y or None,
        "show_x_guides": False,
        "show_y_guides": True,
        "margin": 8,
        "margin_bottom": 36,  # or a legend of one row is cut off
        "truncate_legend": -1,
        "truncate_label": -1,
        "include_x_axis": True,
    }


def _svg(chart: Any, title: str) -> str:  # noqa: ANN401 - pygal carries no types
    """The picture without scripts, comments or anything that leads outside."""
    root = chart.render_tree()
    for parent in list(root.iter()):
        if parent is not root:
            parent.attrib.pop("id", None)  # the same in each picture, and nothing refers to it
        for child in list(parent):
            if not isinstance(child.tag, str) or child.tag.rpartition("}")[2] in ("script", "desc"):
                parent.remove(child)
    root.set("role", "img")
    root.set("aria-label", title)
    root.attrib.pop("width", None)
    root.attrib.pop("height", None)
    return ET.tostring(root, encoding="unicode")


def _round_up(value: float) -> float:
    """The next round number: the top of an axis."""
    if value <= 0:
        return 1.0
    size = float(10 ** math.floor(math.log10(value)))
    return next((step * size for step in (1, 1.5, 2, 3, 4, 5, 6, 8) if step * size >= value), 10 * size)


def _ticks(highest: float) -> list[int]:
    """About eight round numbers from 0 to beyond the highest."""
    step = max(1, round(_round_up(highest / 8)))
    return list(range(0, math.ceil(highest / step) * step + 1, step))


def _thinned(samples: Sequence[Sample]) -> Sequence[Sample]:
    """So many samples at most, and the last one in any case."""
    step = max(1, len(samples) // _MOST_POINTS)
    return [*samples[:-1:step], samples[-1]]


def _fewer(points: Sequence[Point]) -> Sequence[Point]:
    return points[:: max(1, len(points) // _MOST_POINTS)]


def _points(samples: Sequence[Sample], value: Callable[[Sample], float | None]) -> list[Point]:
    found = ((one.time, value(one)) for one in samples)
    return [(time, number) for time, number in found if number is not None]


def _rate(samples: Sequence[Sample], value: Callable[[Sample], float]) -> list[Point]:
    pairs = pairwise(samples)
    return [
        (two.time, round((value(two) - value(one)) / (two.time - one.time), 2))
        for one, two in pairs
        if two.time - one.time > 0.5  # noqa: PLR2004 - the last sample may follow at once
    ]


def _cpu_of(name: str) -> Callable[[Sample], float | None]:
    return lambda one: one.cpu.get(name)


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 3)


def _plain(value: int | None) -> float | None:
    return None if value is None else float(value)
