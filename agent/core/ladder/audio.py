# SPDX-License-Identifier: GPL-3.0-or-later
"""Bands of audio: from the answer, or the early media, of a leg to its end, with what RTP did meanwhile."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from agent.core.ladder.drawing import US, Band, Step
from agent.core.ladder.record import RECORD
from agent.core.story import NO_RTP

_BEGINS: Final = re.compile(r"(183|200)\b.*\(INVITE\)")
# As `agent.calls.chronicle` tells of a leg that is over.
_COUNTED: Final = re.compile(
    r"(?P<side>\w+): (?P<came>\d+) RTP packets in, (?P<lost>\d+) lost, .*jitter (?P<jitter>[\d.]+) ms.*"
)
_SILENT: Final = re.compile(rf"{NO_RTP}the (?P<side>\w+)")
_LOST_SHARE: Final = 0.01
_JITTER_MS: Final = 30.0
_UNCOUNTED: Final = "audio; what RTP did is not known"


@dataclass(slots=True)
class _Open:
    first: int
    text: str = _UNCOUNTED
    last: int | None = None
    counted: bool = False
    trouble: bool = False
    gaps: list[int] = field(default_factory=list)


def bands(steps: Sequence[Step]) -> list[Band]:
    """The bands of audio of these steps, which are in the order of time."""
    open_: dict[str, _Open] = {}
    for index, step in enumerate(steps):
        far = step.source if step.target == US else step.target
        if step.kind in ("sip", RECORD):
            if far != US and _BEGINS.match(step.label):
                open_.setdefault(far, _Open(index))
            elif step.label == "BYE" and far in open_ and open_[far].last is None:
                open_[far].last = index
        elif step.kind == "audio":
            _heard(open_, step, index)
    end = len(steps) - 1
    return [
        Band(
            column,
            band.first,
            end if band.last is None else band.last,
            band.text,
            band.trouble,
            tuple(band.gaps),
        )
        for column, band in open_.items()
    ]


def _heard(open_: dict[str, _Open], step: Step, index: int) -> None:
    if found := _SILENT.match(step.text):
        for band in _of(open_, found["side"]):
            band.gaps.append(index)
            band.trouble = True
    elif found := _COUNTED.fullmatch(step.text):
        came, lost = int(found["came"]), int(found["lost"])
        for band in _of(open_, found["side"])[:1]:
            band.text = step.text.partition(": ")[2]
            band.counted = True
            late = float(found["jitter"]) > _JITTER_MS
            band.trouble |= came == 0 or lost > _LOST_SHARE * (came + lost) or late
            band.last = index if band.last is None else band.last


def _of(open_: dict[str, _Open], side: str) -> list[_Open]:
    """The bands of a side whose packets are not counted yet."""
    return [band for key, band in open_.items() if key.partition(" ")[0] == side and not band.counted]
