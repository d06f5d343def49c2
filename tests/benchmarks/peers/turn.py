# SPDX-License-Identifier: GPL-3.0-or-later
"""One peer after the other: what each is asked for, and the table of what was seen."""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Final, NamedTuple

from tests.benchmarks.edge import Load, socket_drops
from tests.benchmarks.peers.asterisk import asterisk
from tests.benchmarks.peers.kamailio import kamailio
from tests.benchmarks.peers.ours import ours, ours_without_signals
from tests.benchmarks.peers.processes import Peer
from tests.benchmarks.peers.sippy import sippy
from tests.benchmarks.relay import delays

_SECONDS: Final = 20
_RATES: Final = (50, 150)  # calls a second
_CALLS: Final = (50, 200)  # at once, with audio
_BEGUN: Final = 20  # calls a second that those are begun with
_HOLD: Final = 200  # milliseconds
_CLEAN_P99: Final = 100.0  # milliseconds
_SEARCHED: Final = (100, 150, 200, 250, 300, 400, 500, 650, 800, 1000)  # calls a second
_MANY: Final = (400, 600, 800, 1000)  # calls at once, with audio
_MANY_BEGUN: Final = 40  # calls a second
_MANY_SECONDS: Final = 10
_CLEAN_SHARE: Final = 0.001  # of content lost
_FRAMES_PER_SECOND: Final = 50

_SAME_AUDIO: Final = ("ours-without-signals",)  # as another's, and not measured again

Result = dict[str, object]


class _Way(NamedTuple):
    start: Callable[[], AbstractAsyncContextManager[Peer]]
    needs: tuple[str, ...]
    otherwise: str


WAYS: Final = {
    "ours": _Way(ours, (), ""),
    "ours-without-signals": _Way(ours_without_signals, (), ""),
    "kamailio": _Way(
        kamailio,
        ("kamailio", "rtpengine"),
        "apt-get install --no-install-recommends kamailio rtpengine-daemon",
    ),
    "sippy": _Way(sippy, ("b2bua_simple",), "pip install sippy into an environment, and its bin on PATH"),
    "asterisk": _Way(asterisk, ("asterisk",), "Debian 12 has no package of it"),
}


async def peers() -> Result:
    """The same load in turn through ours and each other that is there: 40 minutes at most."""
    seconds = int(os.environ.get("PEERS_SECONDS") or _SECONDS)
    names = [name for name in os.environ.get("PEERS", "").split(",") if name] or list(WAYS)
    table: dict[str, object] = {}
    for name in names:
        way = WAYS.get(name)
        if way is None:
            table[name] = f"skipped: no such peer; there are {', '.join(WAYS)}"
        elif not all(map(shutil.which, way.needs)):
            table[name] = f"skipped: {way.otherwise}"
        else:
            async with way.start() as peer:
                table[name] = await _measured(name, peer, seconds)
        print(f"{name}: {table[name]}", flush=True)
    return {"seconds_of_each_load": seconds, "peers": table}


async def _measured(name: str, peer: Peer, seconds: int) -> Result:
    found: Result = {"does_without": peer.without, "memory_kilobytes_at_the_start": peer.memory()}
    await Load(peer, 20, 20 * min(seconds, 5), _HOLD, lenient=True).run()  # warm
    for rate in _RATES:
        found[f"at_{rate}_calls_a_second"] = await _signalling(peer, rate, seconds)
    if peer.audio:
        for calls in _CALLS:
            found[f"with_audio_of_{calls}_calls"] = await _audio(peer, calls, seconds)
        if name not in _SAME_AUDIO:
            found["most_calls_with_audio"] = await _most(peer, min(seconds, _MANY_SECONDS))
    found["highest_clean_rate"] = await _highest(peer, seconds)
    found["memory_kilobytes_at_the_end"] = peer.memory()
    return found


async def _signalling(peer: Peer, rate: int, seconds: int) -> Result:
    load, used = Load(peer, rate, rate * seconds, _HOLD, lenient=True, timed=True), peer.cpu()
    try:
        counts: dict[str, int] = await load.run()
    except TimeoutError:
        return {"failed": "SIPp did not come to an end"}
    return {
        "cpu_milliseconds_per_call": round((peer.cpu() - used) / load.calls * 1000, 2),
        "invite_to_200_p50_milliseconds": _quantile(load.waits, 0.5),
        "invite_to_200_p99_milliseconds": _quantile(load.waits, 0.99),
        "failed": counts["failed"],
        "retransmissions": counts["retransmissions"],
    }


async def _audio(peer: Peer, calls: int, seconds: int, begun: int = _BEGUN) -> Result:
    """So many calls with audio both ways, while one more is measured packet by packet."""
    rise = calls / begun
    hold = round((rise + 5 + seconds + 5) * 1000)
    drops = socket_drops()
    load = asyncio.ensure_future(Load(peer, begun, calls, hold, media=True).run())
    await asyncio.sleep(rise + 5)  # all are up
    used, at = peer.cpu(), time.monotonic()
    took, missing = await delays(peer, (seconds + 2) * _FRAMES_PER_SECOND)
    minutes, used = (time.monotonic() - at) / 60, peer.cpu() - used
    memory, counts = peer.memory(), await load
    return {
        "cpu_seconds_per_call_minute": round(used / minutes / (calls + 1), 4),
        "one_way_delay_p50_milliseconds": _quantile([one * 1000 for one in took], 0.5),
        "one_way_delay_p99_milliseconds": _quantile([one * 1000 for one in took], 0.99),
        "packets_measured": len(took),
        "packets_whose_content_did_not_arrive": missing,
        "packets_dropped_by_any_socket_of_this_machine": socket_drops() - drops,
        "memory_kilobytes": memory,
        "failed": counts["failed"],
    }


async def _most(peer: Peer, seconds: int) -> Result:
    """The most calls with audio, tried upwards, of which the measured one loses less than a thousandth."""
    best, steps = 0, {}
    for calls in _MANY:
        found = steps[str(calls)] = await _audio(peer, calls, seconds, _MANY_BEGUN)
        arrived, missing = found["packets_measured"], found["packets_whose_content_did_not_arrive"]
        assert isinstance(arrived, int)
        assert isinstance(missing, int)
        if found["failed"] or missing > _CLEAN_SHARE * (arrived + missing):
            break
        best = calls
    return {"calls": best, "steps": steps}


async def _highest(peer: Peer, seconds: int) -> Result:
    """The highest rate, tried upwards, at which no call fails and the slowest hundredth is in time."""
    best, ended = 0, "all were clean"
    for rate in _SEARCHED:
        found = await _signalling(peer, rate, max(5, seconds // 2))
        p99 = found.get("invite_to_200_p99_milliseconds")
        if found["failed"] or not isinstance(p99, float) or p99 >= _CLEAN_P99:
            ended = f"at {rate}: failed {found['failed']}, INVITE to 200 p99 {p99} ms"
            break
        best = rate
    return {"calls_a_second": best, "what_ended_the_search": ended}


def _quantile(values: list[float], share: float) -> float | None:
    if not values:
        return None
    return round(sorted(values)[min(len(values) - 1, int(share * len(values)))], 3)
