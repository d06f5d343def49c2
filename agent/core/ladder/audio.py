# SPDX-License-Identifier: GPL-3.0-or-later
"""Bands of audio: from the answer, or the early media, of a leg to its end, with what RTP did meanwhile."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

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
    label: tuple[str, ...] = ()

    def count(self, text: str, came: int, lost: int, jitter: float) -> None:
        """This is known of it; `jitter` in milliseconds."""
        self.counted, self.text = True, text
        share = lost / (came + lost) if came + lost else 0.0
        self.label = (f"{share:.1%} lost", f"jitter {jitter:.1f} ms") if came else ("no RTP came",)
        self.trouble |= came == 0 or share > _LOST_SHARE or jitter > _JITTER_MS


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
            band.count(_recorded(leg), leg["received"], leg["lost"], leg["jitter"] * 1000)
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
            band.count(step.text.partition(": ")[2], came, lost, float(found["jitter"]))
            band.last = index if band.last is None else band.last


def _recorded(leg: Mapping[str, Any]) -> str:
    parts = [
        f"{leg['received']} RTP packets in",
        f"{leg['lost']} lost",
        f"{leg['sent']} out",
        f"jitter {leg['jitter'] * 1000:.1f} ms",
    ]
    if leg.get("round_trip") is not None:
        parts.append(f"round trip {leg['round_trip'] * 1000:.1f} ms")
    if leg.get("mos") is not None:
        parts.append(f"MOS {leg['mos']:.2f} by estimate")
    return ", ".join(parts)


def _of(open_: dict[str, _Open], side: str) -> list[_Open]:
    """The bands of a side whose packets are not counted yet."""
    return [band for key, band in open_.items() if key.partition(" ")[0] == side and not band.counted]
