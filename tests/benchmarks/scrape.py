# SPDX-License-Identifier: GPL-3.0-or-later
"""/metrics of a node with 500 projects: its size, and for how long writing it holds the loop."""

from __future__ import annotations

import gc
import time

from tests.telemetry.many import PROJECTS, metrics_of_many

_SCRAPES = 50


async def scrape() -> dict[str, object]:
    """500 projects in use: bytes, lines and processor time of one scrape."""
    metrics = metrics_of_many()
    metrics.render()
    gc.collect()
    taken = []
    for _ in range(_SCRAPES):
        began = time.thread_time()
        text, _ = metrics.render()
        taken.append((time.thread_time() - began) * 1000)
    taken.sort()
    return {
        "projects": len(PROJECTS),
        "bytes": len(text),
        "lines": text.count(b"\n"),
        "loop_held_p50_milliseconds": round(taken[len(taken) // 2], 2),
        "loop_held_longest_milliseconds": round(taken[-1], 2),
    }
