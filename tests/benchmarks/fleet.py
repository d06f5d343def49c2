# SPDX-License-Identifier: GPL-3.0-or-later
"""A fleet in a simulation that is fed with measured figures: where calls wait, where they are refused.

Calls come at random (Poisson) and last exponentially. Each waits for Kamailio, for the loop of a node with a
free place, and for the database, in this order, each a queue that serves one after another. Not in it are
voice agents, NICE, the network and failures.
"""

from __future__ import annotations

import heapq
import json
import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pygal
from pygal.style import CleanStyle

RAW: Final = Path("docs/performance/raw")
PICTURE: Final = Path("docs/images/fleet.svg")
_SIZES: Final = (1, 5, 20, 100, 250, 500)
_LOADS: Final = (0.5, 0.7, 0.85, 0.95, 1.05)
_AT_SETUP: Final = 0.6
"""How much of a call's work and writes come before its 200; the rest comes when it ends."""
_CALLS_SIMULATED: Final = 40_000
_HOLDS: Final = {"three minutes": 180.0, "twenty seconds": 20.0}


@dataclass(frozen=True)
class Figures:
    """What was measured, see docs/performance: seconds of CPU, and writes a second."""

    node_seconds_per_call: float
    node_calls: int
    front_seconds_per_call: float
    front_cores: int
    writes_per_call: int
    writes_per_second: float
    commit_seconds: float

    @classmethod
    def read(cls) -> Figures:
        """From the raw results."""
        raw = {name: _raw(name) for name in ("instances", "most", "peers", "records")}
        clean = [int(calls) for calls, step in raw["most"]["steps"].items() if step["clean"]]
        database = raw["records"]["postgresql"]
        return cls(
            node_seconds_per_call=raw["instances"]["agents"][0]["cpu_milliseconds_per_call"] / 1000,
            node_calls=sorted(clean)[-2],  # the last clean step has its thread of audio full
            front_seconds_per_call=raw["peers"]["peers"]["kamailio"]["at_150_calls_a_second"][
                "cpu_milliseconds_per_call"
            ]
            / 1000,
            front_cores=2,
            writes_per_call=raw["records"]["writes_of_a_call"],
            writes_per_second=database["as_fast_as_it_goes"]["writes_per_second"],
            commit_seconds=database["at_150_calls_per_second"]["write_p50_milliseconds"] / 1000,
        )


def _raw(name: str) -> Any:  # noqa: ANN401 - what JSON holds
    return json.loads((RAW / f"{name}.json").read_text())


@dataclass
class Queue:
    """One after another, on so many servers."""

    servers: int = 1
    busy: float = 0.0
    _free: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        """All are free."""
        self._free = [0.0] * self.servers

    def serve(self, at: float, seconds: float) -> float:
        """When it is done with what comes now."""
        begins = max(at, self._free[0])
        heapq.heapreplace(self._free, begins + seconds)
        self.busy += seconds
        return begins + seconds


class Fleet:
    """So many nodes under so many calls a second."""

    def __init__(self, figures: Figures, nodes: int, rate: float, hold: float) -> None:
        self._figures, self._rate, self._hold = figures, rate, hold
        self._random = random.Random(4711)  # noqa: S311 - the same in each run
        self._front, self._database = Queue(figures.front_cores), Queue()
        self._loops = [Queue() for _ in range(nodes)]
        self._up = [0] * nodes
        self._ends: list[tuple[float, int]] = []
        self._setups: list[float] = []
        self._refused = 0

    def run(self) -> dict[str, float]:
        """Simulate from the steady state on; what came of it."""
        places = self._figures.node_calls * len(self._up)
        for _ in range(min(int(self._rate * self._hold), places)):
            self._begin(0.0, self._with_room())
        now = 0.0
        for _ in range(_CALLS_SIMULATED):
            now += self._random.expovariate(self._rate)
            self._end_until(now)
            self._arrive(now)
        setups = sorted(self._setups)
        return {
            "refused_percent": round(self._refused / _CALLS_SIMULATED * 100, 2),
            "setup_p50_milliseconds": round(setups[len(setups) // 2] * 1000, 1),
            "setup_p99_milliseconds": round(setups[int(len(setups) * 0.99)] * 1000, 1),
            "front_busy_percent": round(self._front.busy / now / self._front.servers * 100, 1),
            "loops_busy_percent": round(sum(q.busy for q in self._loops) / now / len(self._loops) * 100, 1),
            "database_busy_percent": round(self._database.busy / now * 100, 1),
        }

    def _arrive(self, now: float) -> None:
        figures, node = self._figures, self._with_room()
        at = self._front.serve(now, figures.front_seconds_per_call * _AT_SETUP)
        if node is None:
            self._refused += 1
            return
        at = self._loops[node].serve(at, figures.node_seconds_per_call * _AT_SETUP)
        at = self._write(at, _AT_SETUP) + figures.commit_seconds
        self._setups.append(at - now)
        self._begin(now, node)

    def _begin(self, now: float, node: int | None) -> None:
        if node is not None:
            self._up[node] += 1
            heapq.heappush(self._ends, (now + self._random.expovariate(1 / self._hold), node))

    def _end_until(self, now: float) -> None:
        figures, rest = self._figures, 1 - _AT_SETUP
        while self._ends and self._ends[0][0] <= now:
            at, node = heapq.heappop(self._ends)
            self._up[node] -= 1
            self._front.serve(at, figures.front_seconds_per_call * rest)
            self._write(self._loops[node].serve(at, figures.node_seconds_per_call * rest), rest)

    def _write(self, at: float, share: float) -> float:
        writes = self._figures.writes_per_call * share
        return self._database.serve(at, writes / self._figures.writes_per_second)

    def _with_room(self) -> int | None:
        """A node by chance; where that is full Kamailio asks the next one, and so on."""
        first = self._random.randrange(len(self._up))
        if self._up[first] < self._figures.node_calls:
            return first
        room = [node for node, up in enumerate(self._up) if up < self._figures.node_calls]
        return self._random.choice(room) if room else None


async def fleet() -> dict[str, object]:
    """1 to 500 nodes simulated with the measured figures; draws docs/images/fleet.svg."""
    figures = Figures.read()
    found: dict[str, dict[str, dict[str, dict[str, float]]]] = {}
    for name, hold in _HOLDS.items():
        most = figures.node_calls / hold  # calls a second that fill a node
        most = min(most, 1 / figures.node_seconds_per_call)
        found[f"calls of {name}"] = {
            f"{nodes} nodes": {
                f"{load * nodes * most:.0f} calls a second ({load:.0%})": Fleet(
                    figures, nodes, load * nodes * most, hold
                ).run()
                for load in _LOADS
            }
            for nodes in _SIZES
        }
    _draw(found)
    return {"figures": figures.__dict__, **found}


def _draw(found: dict[str, dict[str, dict[str, dict[str, float]]]]) -> None:
    plot = pygal.XY(
        style=CleanStyle, width=760, height=360, logarithmic=True, js=[], title="Set-up time, p99, ms"
    )
    plot.y_labels = (10, 30, 100, 300, 1000, 3000, 10_000)
    plot.x_title = "calls that are up, % of the places of all nodes"
    for size, loads in found["calls of three minutes"].items():
        points = zip(_LOADS, loads.values(), strict=True)
        plot.add(size, [(load * 100, one["setup_p99_milliseconds"]) for load, one in points])
    PICTURE.write_bytes(plot.render())
