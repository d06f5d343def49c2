# SPDX-License-Identifier: GPL-3.0-or-later
"""A ladder as two pieces of SVG: its head, which stays in sight, and its body, a row a step. Pure.

There is no script and no style in it, since the content security policy allows neither: the style sheet has
the classes. Its text can be selected; what can be opened is a link; a `title` tells each step in full.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from typing import Final

from agent.core.ladder import Band, Ladder, Step
from agent.core.ladder.drawing import CALLER

ROW: Final = 26
PAUSE_ROW: Final = 24
HEAD: Final = 44
_LEFT: Final = 116
_GAP: Final = 200
_RIGHT: Final = 40
_FIRST: Final = 20
_CHARACTER: Final = 6.6
_ARROW: Final = 7
_BAND: Final = 10
_NOTE: Final = 10


@dataclass(frozen=True, slots=True)
class Drawn:
    """A ladder in SVG.

    Attributes:
        head: the columns' titles.
        body: the rows.
        width: of both, in pixels.
        height: of the body, in pixels.
    """

    head: str
    body: str
    width: int
    height: int


def drawn(ladder: Ladder, name: str, link: Callable[[Step], str]) -> Drawn:
    """Draw a ladder.

    Args:
        ladder: what to draw.
        name: what it is of, for screen readers.
        link: where a step leads to; empty where to nothing.
    """
    places = {column.key: _LEFT + _GAP // 2 + _GAP * index for index, column in enumerate(ladder.columns)}
    rows, height = _rows(ladder)
    width = _LEFT + _GAP * len(places) + _RIGHT
    body = "".join(
        (
            *_lifelines(places, height),
            *(_band(band, places, rows) for band in ladder.bands),
            *_steps(ladder, places, rows, link),
        )
    )
    head = "".join(_titles(ladder, places))
    return Drawn(
        _svg(head, width, HEAD, "ladder-head", f"Who takes part in {name}"),
        _svg(body, width, height, "ladder-body", f"Ladder of {name}"),
        width,
        height,
    )


def _svg(inside: str, width: int, height: int, kind: str, label: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="{kind}" width="{width}" height="{height}"'
        f' viewBox="0 0 {width} {height}" role="group" aria-label="{escape(label)}">{inside}</svg>'
    )


def _rows(ladder: Ladder) -> tuple[list[int], int]:
    """The height at which each step stands, and that of all."""
    rows, at = [], _FIRST
    for step in ladder.steps:
        at += PAUSE_ROW if step.pause else 0
        rows.append(at)
        at += ROW
    return rows, at


def _titles(ladder: Ladder, places: Mapping[str, int]) -> Iterator[str]:
    for column in ladder.columns:
        x = places[column.key]
        yield f'<text class="who" x="{x}" y="18">{escape(_cut(column.title, _GAP))}</text>'
        if column.place:
            yield f'<text class="place" x="{x}" y="34">{escape(_cut(column.place, _GAP))}</text>'


def _lifelines(places: Mapping[str, int], height: int) -> Iterator[str]:
    for x in places.values():
        yield f'<line class="life" x1="{x}" y1="0" x2="{x}" y2="{height}"/>'


def _band(band: Band, places: Mapping[str, int], rows: list[int]) -> str:
    x = places[band.column] - _BAND // 2
    top, bottom = rows[band.first], rows[band.last]
    kind = "band trouble" if band.trouble else "band"
    title = f"<title>Audio: {escape(band.text)}</title>"
    gaps = "".join(
        f'<rect class="gap" x="{x}" y="{rows[index] - _BAND}" width="{_BAND}" height="{_BAND}"/>'
        for index in band.gaps
    )
    outside = band.column == CALLER  # what is said stands on the other side of its line
    at, anchor = (x - 4, "end") if outside else (x + _BAND + 4, "start")
    label = "".join(
        f'<text class="band-text" text-anchor="{anchor}" x="{at}" y="{top + 14 + 12 * line}">'
        f"{escape(words)}</text>"
        for line, words in enumerate(band.label)
    )
    return (
        f'<g class="{kind}">{title}<rect x="{x}" y="{top}" width="{_BAND}" height="{max(bottom - top, 4)}"'
        f' rx="3"/>{gaps}{label}</g>'
    )


def _steps(
    ladder: Ladder, places: Mapping[str, int], rows: list[int], link: Callable[[Step], str]
) -> Iterator[str]:
    began = ladder.steps[0].when if ladder.steps else 0.0
    right = _LEFT + _GAP * len(places)
    for step, y in zip(ladder.steps, rows, strict=True):
        if step.pause:
            yield _pause(step, y - ROW // 2 - 4, right)
        time = f'<text class="time" x="{_LEFT - 8}" y="{y + 4}">{step.when - began:+.3f} s</text>'
        shape = _note(step, places, y) if step.source == step.target else _arrow(step, places, y)
        title = f"<title>{escape(_told(ladder, step))}</title>"
        group = f'<g class="{_classes(step)}">{title}{time}{shape}</g>'
        where = link(step)
        # All of its row can be pressed, not only the ink.
        row = f'<rect class="row" x="0" y="{y - ROW // 2}" width="{right}" height="{ROW}"/>'
        yield f'<a href="{escape(where)}">{row}{group}</a>' if where else group


def _classes(step: Step) -> str:
    return " ".join(
        (
            "step",
            f"of-{step.kind}",
            *(("again",) if step.repeated else ()),
            *(("failed",) if step.failed else ()),
            *(("reply",) if step.reply else ()),
        )
    )


def _told(ladder: Ladder, step: Step) -> str:
    at = f"{datetime.fromtimestamp(step.when, UTC):%H:%M:%S.%f}"[:-3]
    who = ""
    if step.source != step.target:
        who = f"{ladder.title(step.source)} → {ladder.title(step.target)}: "
    return f"{at} {who}{step.text}{' (again)' if step.repeated else ''}"


def _pause(step: Step, y: int, right: int) -> str:
    return (
        f'<g class="pause"><line x1="{_LEFT}" y1="{y}" x2="{right}" y2="{y}"/>'
        f'<text class="time" x="{_LEFT - 8}" y="{y + 4}">… {step.pause:.1f} s</text></g>'
    )


def _arrow(step: Step, places: Mapping[str, int], y: int) -> str:
    from_, to = places[step.source], places[step.target]
    back = _ARROW if to < from_ else -_ARROW
    middle = (from_ + to) // 2
    again = " (again)" if step.repeated else ""
    return (
        f'<line class="arrow" x1="{from_}" y1="{y}" x2="{to}" y2="{y}"/>'
        f'<path class="tip" d="M{to},{y} l{back},-4 v8 z"/>'
        f'<text class="said" x="{middle}" y="{y - 4}">'
        f"{escape(_cut(step.label + again, abs(to - from_) - _ARROW))}</text>"
    )


def _note(step: Step, places: Mapping[str, int], y: int) -> str:
    x = places[step.source]
    room = max(places.values()) + _GAP // 2 + _RIGHT - x - _NOTE
    text = _cut(step.label, room)
    width = int(len(text) * _CHARACTER) + 8
    return (
        f'<path class="mark" d="M{x},{y - 5} l5,5 l-5,5 l-5,-5 z"/>'
        f'<rect class="behind" x="{x + _NOTE - 2}" y="{y - 9}" width="{width}" height="18" rx="3"/>'
        f'<text class="note" x="{x + _NOTE}" y="{y + 4}">{escape(text)}</text>'
    )


def _cut(text: str, room: int) -> str:
    """As much of a text as there is room for, in pixels."""
    most = max(int(room / _CHARACTER), 3)
    return text if len(text) <= most else f"{text[: most - 1]}…"
