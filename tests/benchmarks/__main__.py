# SPDX-License-Identifier: GPL-3.0-or-later
"""``make bench``: every profile, or those named: ``python -m tests.benchmarks setup media memory``."""

from __future__ import annotations

import asyncio
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.benchmarks import signals as signals_alone
from tests.benchmarks.call_path import call_path
from tests.benchmarks.compare import compare
from tests.benchmarks.edge import Load, cost, edge, milliseconds, quantile, socket_drops
from tests.benchmarks.flame import flame
from tests.benchmarks.fleet import fleet
from tests.benchmarks.instances import instances
from tests.benchmarks.instructions import NoValgrindError, instructions
from tests.benchmarks.maps import maps
from tests.benchmarks.memory import memory
from tests.benchmarks.most import most
from tests.benchmarks.partitions import partitions
from tests.benchmarks.peers import peers
from tests.benchmarks.records import records
from tests.benchmarks.recovery import recovery
from tests.benchmarks.relay import relay
from tests.benchmarks.revision import NoRevisionError
from tests.benchmarks.scrape import scrape
from tests.benchmarks.search import search
from tests.benchmarks.setup import setup
from tests.benchmarks.sick import sick
from tests.calls.harness.metrics import total

RAW = Path("docs/performance/raw")
_BY_NAME_ONLY = ("peers", "compare", "flame", "partitions")  # others' programs, no figures, much disk
Result = dict[str, object]


async def media() -> Result:
    """200 calls at once with G.711 both ways: loss end to end and CPU per call."""
    calls, rate, hold = 200, 20, 60_000
    async with edge(300) as house:
        before, drops = house.metrics(), socket_drops()
        load = asyncio.ensure_future(Load(house, rate, calls, hold, media=True).run())
        await asyncio.sleep(calls / rate + 5)  # all are up
        used, at = cost(house.agent.pid), time.monotonic()
        up = total(house.metrics(), "handoff_calls_active")
        await asyncio.sleep(30)
        then, seconds = cost(house.agent.pid), time.monotonic() - at
        sipp = await load
        after = house.metrics()
        lost = total(after, "handoff_rtp_packets_lost_total") - total(
            before, "handoff_rtp_packets_lost_total"
        )
        received = total(after, "handoff_rtp_packets_received_total")
        return {
            "calls_up": up,
            "sipp": sipp,
            "core_percent_per_call": round((then.cpu - used.cpu) / seconds / up * 100, 3),
            "packets_received_by_the_agent": received,
            "packets_lost_as_rtp_counts": lost,
            "packets_dropped_by_any_socket_of_this_machine": socket_drops() - drops,
            "lost_percent": round(lost / received * 100, 4) if received else None,
            "jitter_p99_milliseconds": milliseconds(
                quantile(after, before, "handoff_rtp_jitter_seconds", 0.99)
            ),
        }


PROFILES: dict[str, Callable[[], Coroutine[Any, Any, Result]]] = {
    "setup": setup,
    "media": media,
    "relay": relay,
    "most": most,
    "memory": memory,
    "signals": signals_alone.signals,
    "records": records,
    "search": search,
    "partitions": partitions,
    "recovery": recovery,
    "sick": sick,
    "maps": maps,
    "scrape": scrape,
    "fleet": fleet,
    "instructions": instructions,
    "call_path": call_path,
    "instances": instances,
    "peers": peers,
    "compare": compare,
    "flame": flame,
}


def _machine() -> Result:
    model = next(
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if "model name" in line
    )
    cores = os.cpu_count()
    return {"processor": model, "cores": cores, "python": platform.python_version()}


def main(names: list[str]) -> int:
    """Run profiles and keep what they measured."""
    unknown = [name for name in names if name not in PROFILES]
    if unknown:
        sys.stderr.write(f"no such profile: {', '.join(unknown)}; there are {', '.join(PROFILES)}\n")
        return 2
    RAW.mkdir(parents=True, exist_ok=True)
    for name in names or [name for name in PROFILES if name not in _BY_NAME_ONLY]:
        print(f"{name}: {PROFILES[name].__doc__}", flush=True)
        try:
            measured = asyncio.run(PROFILES[name]())
        except (NoValgrindError, NoRevisionError) as error:
            sys.stderr.write(f"{name}: {error}\n")
            return 1
        result = {
            "profile": name,
            "when": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": _machine(),
            **measured,
        }
        text = json.dumps(result, indent=2)
        if name != "flame":  # its picture is its result
            (RAW / f"{name}.json").write_text(text + "\n")
        print(text, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
