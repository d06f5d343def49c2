# SPDX-License-Identifier: GPL-3.0-or-later
"""Signals without SIP: how long from a call's moment to the first byte of its request, and at what cost.

Everything is real but the calls: the store with its fsync, the courier, the CXone client, and the CXone
simulator in a process of its own. A moment is "now" just before its record is handed to the store.
"""

from __future__ import annotations

import asyncio
import gc
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr
from dataclasses import replace
from pathlib import Path
from statistics import quantiles
from typing import TypeAlias

from pydantic import SecretStr

from agent.core.model import Project, Target, VoiceAgent
from agent.core.model.cxone import CxoneTenant
from agent.core.moments import Moment
from agent.core.records import CallRecord, Signal
from agent.cxone.client import Cxone
from agent.delivery.courier import Courier, SignalEvent
from agent.delivery.sqlite import SqliteStore
from agent.names.names import Names
from agent.simulators.processes import with_us
from agent.telemetry import logs
from agent.web.answer import Response
from agent.web.client import Client
from agent.web.request import Origin
from tests.calls.harness import cxone as simulated
from tests.calls.harness.plan import SECRETS
from tests.calls.harness.web import ask

Result: TypeAlias = dict[str, object]
_TOKEN_SECONDS = 20.0
_RENEWED_AFTER = 0.75 * _TOKEN_SECONDS  # a short-lived token is renewed after three quarters of its life
_FIRST_CONTACT = 7_000_000


@contextmanager
def simulated_nice(level: logs.Level) -> Iterator[tuple[Path, simulated.Cxone]]:
    """A simulator that is up and a folder, in which our own log of this level is a file."""
    with ExitStack() as held:
        folder = Path(held.enter_context(tempfile.TemporaryDirectory(prefix="handoff-bench-")))
        held.enter_context(redirect_stderr(held.enter_context((folder / "log").open("w"))))
        logs.configure(level)
        simulator = simulated.Cxone(folder)
        simulator.process.within = with_us()
        simulator.start()
        held.callback(simulator.stop)
        yield folder, simulator


async def signals() -> Result:
    """Signals alone, at 1 and at 100 a second: moment to first byte, CPU of a signal, log-ins."""
    with simulated_nice("info") as (folder, simulator):
        simulator.turn(expires_in=_TOKEN_SECONDS)
        bench = Bench(simulator.port)
        await bench.open(folder)
        try:
            await bench.run(100, 200)  # warm: the token, connections, caches
            return {
                "token_lifetime_seconds": _TOKEN_SECONDS,
                "load_average_before": round(os.getloadavg()[0], 2),  # what else the machine had to do
                "at_1_per_second": await bench.run(1, 30),
                "at_100_per_second": await bench.run(100, 6000),
            }
        finally:
            await bench.aclose()


class Bench:
    """Store, courier and client as the node joins them."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._project = _project(port)
        self._contact = _FIRST_CONTACT
        self._moments: dict[str, float] = {}
        self._lasted: list[float] = []
        self._first_bytes: list[float] = []
        self._outcomes: list[str] = []
        self._settled = asyncio.Event()
        self._wanted = 0

    async def open(self, folder: Path) -> None:
        """Bring everything up, with a token at hand."""
        self._store = await SqliteStore.open(folder / "agent.db")
        self._names = Names()
        self._session = Watched(self._names, self._leaves)
        self._cxone = Cxone(self._session)
        self._courier = Courier(self._store, self._cxone, lambda *_: self._project, self._take)
        await self._cxone.ready(self._project)
        gc.collect()
        gc.freeze()

    async def aclose(self) -> None:
        """Take it down."""
        await self._courier.aclose(5)
        await self._cxone.aclose()
        await self._session.aclose()
        await self._names.aclose()
        await self._store.aclose()

    async def run(self, rate: int, count: int) -> Result:
        """So many calls at an even rate, each with its arrival signal."""
        self._first_bytes.clear()
        self._outcomes.clear()
        self._lasted.clear()
        self._settled.clear()
        self._wanted = count
        log_ins, cpu, began = self._log_ins(), time.process_time(), time.monotonic()
        loop = asyncio.get_running_loop()
        calls = []
        for number in range(count):
            await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
            self._contact += 1
            calls.append(loop.create_task(self._call(str(self._contact))))
        await self._settled.wait()
        await asyncio.gather(*calls)
        cpu, seconds = time.process_time() - cpu, time.monotonic() - began
        shares = quantiles(self._first_bytes, n=100, method="inclusive")
        return {
            "signals": count,
            "accepted": self._outcomes.count("accepted"),
            "longest_until_settled_seconds": round(max(self._lasted), 1),
            "first_byte_p50_milliseconds": round(shares[49] * 1000, 2),
            "first_byte_p99_milliseconds": round(shares[98] * 1000, 2),
            "first_byte_longest_milliseconds": round(max(self._first_bytes) * 1000, 2),
            "cpu_milliseconds_per_signal": round(cpu / count * 1000, 3),
            "log_ins": self._log_ins() - log_ins,
            "expiries": round(seconds / _RENEWED_AFTER, 1),
        }

    async def _call(self, contact_id: str) -> None:
        now = time.time()
        signal = _signal(contact_id, now)
        self._moments[contact_id] = time.monotonic()
        state = self._courier.opening_state(self._project, contact_id)
        signal = replace(signal, state=state)
        await self._store.open_call(_record(contact_id, now), signal)
        self._courier.begin(signal)

    def _leaves(self, contact_id: str) -> None:
        if (moment := self._moments.pop(contact_id, None)) is not None:
            self._first_bytes.append(time.monotonic() - moment)

    def _take(self, event: SignalEvent) -> None:
        if event.signal.state.final:
            self._outcomes.append(event.outcome)
            self._lasted.append(time.time() - event.signal.recorded)
            if len(self._outcomes) == self._wanted:
                self._settled.set()

    def _log_ins(self) -> int:
        counts: dict[str, int] = ask(self._port, "GET", "/simulator/tokens").json
        return counts["issued"]


class Watched(Client):
    """A client that tells the contact of each signal request when its first bytes are about to leave."""

    def __init__(self, names: Names, leaves: Callable[[str], None]) -> None:
        super().__init__(names, 256)
        self._leaves = leaves

    async def request(self, to: Origin, request: bytes, *, seconds: float, limit: int) -> Response:
        """Send a request."""
        path = request.partition(b" HTTP/1.1")[0].split(b"/")
        if path[-1] == b"signal":
            self._leaves(path[-2].decode())
        return await super().request(to, request, seconds=seconds, limit=limit)


def _project(port: int) -> Project:
    tenant = CxoneTenant(
        issuer=f"http://127.0.0.1:{port}",
        business_unit="4591234",
        client_id="handoff-agent",
        client_secret=SecretStr(SECRETS["CLIENT_SECRET"]),
        access_key_id="DEMOACCESSKEYID====",
        access_key_secret=SecretStr(SECRETS["ACCESS_KEY_SECRET"]),
    )
    target = Target(uri="sip:bot@127.0.0.1:5070")
    return Project(
        project="acme-care", account="acme", voice_agent=VoiceAgent(targets=(target,)), cxone=tenant
    )


def _signal(contact_id: str, now: float) -> Signal:
    parameters = {"p1": "CUSTOMER_CARE", "p2": "4242", "p3": "BILLING"}
    names = f"s-{contact_id}", f"c-{contact_id}", "acme", "acme-care", contact_id
    return Signal(*names, Moment.ARRIVAL, parameters, now, now + 120)


def _record(contact_id: str, now: float) -> CallRecord:
    names = f"c-{contact_id}", "edge-1", "test", "acme", "acme-care", "9995550100", contact_id, ""
    return CallRecord(*names, f"sip-{contact_id}@127.0.0.1", "recording", now)
