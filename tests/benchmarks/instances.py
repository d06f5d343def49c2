# SPDX-License-Identifier: GPL-3.0-or-later
"""One host: two instances of one folder behind the real Kamailio, against one behind it."""

from __future__ import annotations

import asyncio
import copy
import tempfile
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from agent.simulators.processes import with_us
from tests.benchmarks.edge import Load, cost, milliseconds, quantile, setup_times, signals
from tests.calls.harness.cxone import Cxone
from tests.calls.harness.house import House
from tests.calls.harness.instances import houses
from tests.calls.harness.metrics import Samples, total
from tests.calls.harness.plan import SECRETS, Plan, carrier
from tests.fleet.harness.fleet import CARRIER
from tests.fleet.harness.kamailio import ADDRESS, Kamailio

_RATE, _MORE, _SECONDS, _HOLD = 150, 200, 20, 200
_RTP_LOW, _ROOM = 8000, 500
"""Below all other ports in use here, and how many calls each instance has room for."""
_WARM: Final = (20, 100)
_TURNS: Final = 30


@dataclass
class _Host:
    """Where a load goes: callers to the front, whose port `plan.sip` is."""

    plan: Plan
    front: Kamailio
    agents: list[House]

    def metrics(self) -> list[Samples]:
        return [agent.metrics() for agent in self.agents]

    def cpu(self) -> tuple[list[float], float]:
        """Seconds that each agent and Kamailio have used."""
        agents = [cost(agent.agent.pid).cpu for agent in self.agents]
        return agents, sum(cost(process).cpu for process in self.front.pids)


async def instances() -> dict[str, object]:
    """One instance at 150 calls a second, two at 150 and 200: failures, CPU, set-up times, whose calls."""
    runs = [await _measured(count, rate) for count, rate in ((1, _RATE), (2, _RATE), (2, _MORE))]
    # The last ones are what tests.benchmarks.fleet is fed with.
    return {"seconds": _SECONDS, "runs": runs, "agents": runs[-1]["agents"]}


@asynccontextmanager
async def _host(count: int) -> AsyncIterator[_Host]:
    """So many instances, their Kamailio and CXone, all started and each of them with calls behind it."""
    with ExitStack() as ends:
        folder = Path(ends.enter_context(tempfile.TemporaryDirectory(prefix="handoff-bench-")))
        cxone = Cxone(folder)
        cxone.process.within = with_us()
        cxone.start()
        ends.callback(cxone.stop)
        agents = houses(count, cxone, folder, _change)
        front = Kamailio(folder / "kamailio")
        ends.callback(front.stop)
        for agent in agents:
            agent.agent.within = with_us()
            ends.callback(agent.agent.kill)
            agent.start()
            ends.callback(agent.close)
        front.learn(agents[0].config, SECRETS)
        front.start()
        plan = copy.copy(agents[0].plan)
        plan.sip = front.port
        host = _Host(plan, front, agents)
        await _warm(host)
        yield host


def _change(plan: Plan) -> None:
    count = plan.agent["instances"]["count"]
    plan.agent["sip"] |= {"trusted_proxies": [ADDRESS]}
    ports = f"{_RTP_LOW}-{_RTP_LOW + count * _ROOM * 4 - 1}"
    plan.agent["media"] |= {"rtp_ports": ports, "silence_timeout": "10m"}
    plan.agent["limits"] |= {"calls": _ROOM, "calls_per_second": 1000}
    plan.agent["log"]["level"] = "info"
    plan.carriers = {"unknown_source": "drop", "carriers": {"test": carrier(CARRIER)}}


async def _warm(host: _Host) -> None:
    """Token, caches, and an answer to Kamailio's OPTIONS: until each instance has had calls."""
    rate, calls = _WARM
    for _ in range(_TURNS):
        await Load(host, rate, calls, _HOLD, source=CARRIER, lenient=True, routed=True).run()
        if all(_answered(samples) for samples in host.metrics()):
            return
    raise AssertionError(f"not every instance got calls, see {host.front.log}")


async def _measured(count: int, rate: int) -> dict[str, object]:
    async with _host(count) as host:
        calls = rate * _SECONDS
        before, used = host.metrics(), host.cpu()
        sipp = await Load(host, rate, calls, _HOLD, source=CARRIER, lenient=True, routed=True).run()
        after, then = host.metrics(), host.cpu()
        await asyncio.gather(*(agent.at_rest() for agent in host.agents))
        settled = host.metrics()
    spent = [new - old for new, old in zip(then[0], used[0], strict=True)]
    agents = [_of_agent(*pair) for pair in zip(after, before, spent, strict=True)]
    return {
        "instances": count,
        "calls_per_second": rate,
        "sipp": sipp,
        "agents": agents,
        "kamailio_cpu_milliseconds_per_call": _each(then[1] - used[1], calls),
        "signals_accepted": sum(signals(one, "accepted") for one in settled)
        - sum(signals(one, "accepted") for one in before),
    }


def _of_agent(after: Samples, before: Samples, seconds: float) -> dict[str, float]:
    answered = _answered(after) - _answered(before)
    return {
        "answered": answered,
        "cpu_milliseconds_per_call": _each(seconds, answered),
        "setup_p50_milliseconds": milliseconds(quantile(after, before, setup_times(after), 0.5)),
        "setup_p99_milliseconds": milliseconds(quantile(after, before, setup_times(after), 0.99)),
    }


def _each(seconds: float, calls: float) -> float:
    return milliseconds(seconds / calls) if calls else 0.0


def _answered(samples: Samples) -> float:
    return total(samples, "handoff_invites_total", result="answered")
