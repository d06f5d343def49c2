# SPDX-License-Identifier: GPL-3.0-or-later
"""Bands of audio: from the answer, or the early media, of a leg to its end, with what RTP did meanwhile."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from agent.core.ladder.drawing import US, Band, Step
from agent.core.ladder.record import RECORD
from agent.core.quality import LegQuality, in_words
from agent.core.story import NO_RTP

_BEGINS: Final = re.compile(r"(183|200)\b.*\(INVITE\)")
# As `agent.calls.chronicle` tells of a leg that is over.
_COUNTED: Final = re.compile(
    r"(?P<side>\w+): (?P<came>\d+) RTP packets in, (?P<lost>\d+) lost, \d+ out, jitter (?P<jitter>[\d.]+) ms"
    r"(?:, longest gap (?P<gap>[\d.]+) s)?.*"
)
_SILENT: Final = re.compile(rf"{NO_RTP}the (?P<side>\w+)")
_LOST_SHARE: Final = 0.01
_JITTER_MS: Final = 30.0
_GAP_SECONDS: Final = 0.5
"""From here on words are missing, whatever conceals it."""
_UNCOUNTED: Final = "audio; what RTP did is not known"


@dataclass(slots=True)
class _Open:
    first: int
    text: str = _UNCOUNTED
    last: int | None = None
    counted: bool = False
    trouble: bool = False
    gaps: list[int] = field(default_factory=list)
    label: tuple[str, ...] = ()

    def count(self, text: str, came: int, lost: int, jitter: float, gap: float | None) -> None:
        """This is known of it; `jitter` in milliseconds, `gap` in seconds."""
        self.counted, self.text = True, text
        share = lost / (came + lost) if came + lost else 0.0
        self.label = (f"{share:.1%} lost", f"jitter {jitter:.1f} ms") if came else ("no RTP came",)
        if came and gap is not None:
            self.label += (f"gap {gap:.2f} s",)
        self.trouble |= came == 0 or share > _LOST_SHARE or jitter > _JITTER_MS
        self.trouble |= gap is not None and gap >= _GAP_SECONDS


def bands(steps: Sequence[Step], legs: Sequence[Mapping[str, Any]] = ()) -> list[Band]:
    """The bands of audio of these steps, which are in the order of time.

    Args:
        steps: what happened.
        legs: what the record says of RTP, as `CallRecord.shown` has it, where no step tells.
    """
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
    for leg in legs:
        for band in _of(open_, leg["side"])[:1]:
            gap = leg.get("longest_gap")
            band.count(_recorded(leg), leg["received"], leg["lost"], leg["jitter"] * 1000, gap)
    end = len(steps) - 1
    return [
        Band(
            column,
            band.first,
            end if band.last is None else band.last,
            band.text,
            band.trouble,
            tuple(band.gaps),
            band.label,
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
            gap = None if found["gap"] is None else float(found["gap"])
            band.count(step.text.partition(": ")[2], came, lost, float(found["jitter"]), gap)
            band.last = index if band.last is None else band.last


def _recorded(leg: Mapping[str, Any]) -> str:
    quality = LegQuality.of(leg)
    words = in_words(quality)
    if quality.mos is not None:
        words += f", MOS {quality.mos:.2f} by estimate"
    return f"{words} ({quality.codec})" if quality.codec else words


def _of(open_: dict[str, _Open], side: str) -> list[_Open]:
    """The bands of a side whose packets are not counted yet."""
    return [band for key, band in open_.items() if key.partition(" ")[0] == side and not band.counted]
