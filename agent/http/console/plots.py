# SPDX-License-Identifier: GPL-3.0-or-later
"""Small plots as SVG: a line over time, drawn into a box of 360 by 60."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

WIDTH: Final = 360.0
HEIGHT: Final = 60.0
_HEADROOM: Final = 1.1


@dataclass(frozen=True, slots=True)
class Plot:
    """What a template draws.

    Attributes:
        curve: points of the line, as ``points`` of an SVG polyline has them.
        area: the same, closed along the axis.
        now: the newest value.
        most: the largest one.
    """

    curve: str
    area: str
    now: float
    most: float

    @property
    def empty(self) -> bool:
        """Whether there is nothing to draw yet."""
        return not self.curve


def plot(values: Sequence[tuple[float, float]], span: float) -> Plot:
    """A plot of values at times, whose right edge is the newest time.

    Args:
        values: (seconds, value), oldest first; values are not negative.
        span: seconds from the left edge to the right one.
    """
    if not values:
        return Plot("", "", 0.0, 0.0)
    end = values[-1][0]
    most = max(value for when, value in values if end - when <= span)
    scale = (HEIGHT - 2) / (most * _HEADROOM) if most > 0 else 0.0
    points = [
        (WIDTH * (1 - (end - when) / span), HEIGHT - 1 - value * scale)
        for when, value in values
        if end - when <= span
    ]
    curve = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    floor = HEIGHT - 1
    return Plot(curve, f"{points[0][0]:.1f},{floor:.1f} {curve} {WIDTH:.1f},{floor:.1f}", values[-1][1], most)
