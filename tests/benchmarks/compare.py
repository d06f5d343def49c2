# SPDX-License-Identifier: GPL-3.0-or-later
"""Set-ups of another revision and of this one in turn, in one run: the machine's moods meet both."""

from __future__ import annotations

import os
from pathlib import Path
from statistics import median
from typing import Final

from tests.benchmarks.edge import edge
from tests.benchmarks.revision import NoRevisionError, checked_out
from tests.benchmarks.setup import ROOM, measured

_ROUNDS: Final = 3
_SECONDS: Final = 20
_COMPARED: Final = ("cpu_milliseconds_per_call", "setup_p50_milliseconds", "setup_p99_milliseconds")


async def compare() -> dict[str, object]:
    """REVISION and this tree in turn, three times: CPU of a set-up, p50, p99; three minutes and a set-up."""
    revision = os.environ.get("REVISION")
    if not revision:
        raise NoRevisionError("say which: make bench PROFILE=compare REVISION=479a749")
    rounds: list[dict[str, object]] = []
    with checked_out(revision) as tree:
        for number in range(_ROUNDS):
            before, now = await _one(tree), await _one(None)
            rounds.append({"before": before, "now": now})
            print(f"round {number + 1}: {rounds[-1]}", flush=True)
    medians = {side: _medians([one[side] for one in rounds]) for side in ("before", "now")}
    ratio = {name: round(medians["now"][name] / medians["before"][name], 3) for name in _COMPARED}
    return {"revision": revision, "medians": medians, "now_by_before": ratio, "rounds": rounds}


async def _one(checkout: Path | None) -> dict[str, object]:
    async with edge(ROOM, checkout=checkout) as house:
        found = await measured(house, _SECONDS)
    return {name: found[name] for name in (*_COMPARED, "sipp", "signals_accepted")}


def _medians(found: list[object]) -> dict[str, float]:
    return {name: median(float(one[name]) for one in found if isinstance(one, dict)) for name in _COMPARED}
