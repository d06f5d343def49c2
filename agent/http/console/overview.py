# SPDX-License-Identifier: GPL-3.0-or-later
"""The overview: what is wrong first, then the node, its projects and their voice agents."""

from __future__ import annotations

import asyncio
import time
from typing import Any, Final

from aiohttp import web

from agent.http.console.live import add_live
from agent.http.console.pages import ROWS_AT_MOST, add_page, page, part
from agent.http.console.plots import plot
from agent.http.console.troubles import troubles
from agent.http.ports import OperationsDesk

LIVE: Final = "/console/live/overview"
_HOUR: Final = 3600.0
_TROUBLES_SHOWN: Final = 20
_GOOD: Final = {"ready": "good", "degraded": "warn", "draining": "warn", "starting": "warn"}


def add_overview(app: web.Application, desk: OperationsDesk) -> None:
    """Add the page and what moves on it to the application of the operations listener."""

    async def show(request: web.Request) -> web.Response:
        return page(request, "overview.html", live=LIVE, **await _seen(desk))

    async def moving(request: web.Request) -> str:
        return part(request, "overview_live.html", **await _seen(desk))

    add_page(app, "/", show)
    add_live(app, LIVE, moving)


async def _seen(desk: OperationsDesk) -> dict[str, Any]:
    """What the templates ask for; calls have their turn between the pieces of the work."""
    seen = desk.overview()
    await asyncio.sleep(0)
    wrong = troubles(seen, desk.alarms(), desk.kept_out())
    await asyncio.sleep(0)
    up = [(beat.when, float(beat.calls)) for beat in seen.beats]
    if up:  # the newest beat may be ten seconds old
        up.append((max(time.time(), up[-1][0]), float(seen.calls)))
    return {
        "seen": seen,
        "kind": _GOOD.get(seen.state, "bad"),
        "troubles": wrong[:_TROUBLES_SHOWN],
        "more_troubles": max(0, len(wrong) - _TROUBLES_SHOWN),
        "calls_plot": plot(up, _HOUR),
        "rate_plot": plot([(beat.when, beat.per_second) for beat in seen.beats], _HOUR),
        "projects": seen.projects[:ROWS_AT_MOST],
        "more_projects": max(0, len(seen.projects) - ROWS_AT_MOST),
        "targets": seen.targets[:ROWS_AT_MOST],
        "more_targets": max(0, len(seen.targets) - ROWS_AT_MOST),
    }
