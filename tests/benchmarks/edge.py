# SPDX-License-Identifier: GPL-3.0-or-later
"""The agent under load: its processes, and what they cost."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from agent.simulators.processes import with_us
from tests.calls.harness.cxone import Cxone
from tests.calls.harness.house import House
from tests.calls.harness.metrics import Samples, total
from tests.calls.harness.plan import CARE, TOKEN, VOICE_AGENT, Change, Plan
from tests.calls.harness.ports import free_port, free_range
from tests.calls.harness.sipp import SCENARIOS

_VIA = ";branch=[branch];rport\n"
_TICKS = os.sysconf("SC_CLK_TCK")
_RTP_LOW = 8000
_LAST_ANSWERS_SECONDS = 2.0
_START_SECONDS, _SLOW_START_SECONDS = 120.0, 300.0  # by itself; within valgrind


@dataclass(frozen=True, slots=True)
class Cost:
    """What a process has used at one moment: CPU seconds, resident kB, open descriptors."""

    cpu: float
    memory: int
    descriptors: int


def cost(pid: int) -> Cost:
    """Read it from /proc."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    status = Path(f"/proc/{pid}/status").read_text()
    memory = re.search(r"VmRSS:\s+(\d+)", status)
    assert memory is not None
    descriptors = len(list(Path(f"/proc/{pid}/fd").iterdir()))
    return Cost((int(fields[11]) + int(fields[12])) / _TICKS, int(memory.group(1)), descriptors)


def socket_drops() -> int:
    """UDP packets that this machine threw away since a receiver's buffer was full, of closed sockets too."""
    names, values = (
        line.split() for line in Path("/proc/net/snmp").read_text().splitlines() if line.startswith("Udp:")
    )
    return int(dict(zip(names, values, strict=True))["RcvbufErrors"])


def quantile(after: Samples, before: Samples, name: str, share: float) -> float:
    """A quantile of what a histogram gained, in seconds: linear within a bucket, as Prometheus does it."""
    rows: dict[float, float] = {}
    for (key, labels), value in after.items():
        if key == f"{name}_bucket":
            edge = float(dict(labels)["le"])
            rows[edge] = rows.get(edge, 0.0) + value - before.get((key, labels), 0.0)
    edges = sorted(rows)
    wanted, low, below = share * rows[edges[-1]], 0.0, 0.0
    for edge in edges:
        if rows[edge] >= wanted:
            inside = rows[edge] - below
            if inside == 0 or edge == float("inf"):
                return low
            return low + (edge - low) * (wanted - below) / inside
        low, below = edge, rows[edge]
    return low


def setup_times(samples: Samples) -> str:
    """The histogram of set-up times with the finest bounds; an older version has but one, by project."""
    of_node = "handoff_node_setup_seconds"
    return of_node if any(key == f"{of_node}_count" for key, _ in samples) else "handoff_setup_seconds"


def milliseconds(seconds: float) -> float:
    """The same in milliseconds, to a hundredth."""
    return round(seconds * 1000, 2)


@asynccontextmanager
async def edge(
    calls: int, change: Change | None = None, within: tuple[str, ...] = (), checkout: Path | None = None
) -> AsyncIterator[House]:
    """An agent with room for so many calls, its CXone simulator and its records, in a folder of its own.

    All of it ends with the block, also where the agent does not start, and with this process if it is killed.
    `change` has the last word about its configuration; `within` is a command that becomes the agent;
    `checkout` is a folder whose agent runs instead of this one's.
    """
    with ExitStack() as ends:
        folder = ends.enter_context(tempfile.TemporaryDirectory(prefix="handoff-bench-"))
        cxone = Cxone(Path(folder))
        cxone.process.within = with_us()
        cxone.start()
        ends.callback(cxone.stop)
        plan = Plan(cxone.port)
        ports = f"{_RTP_LOW}-{_RTP_LOW + calls * 4 - 1}"  # below all other ports in use here
        plan.agent["media"] |= {"rtp_ports": ports, "silence_timeout": "10m"}
        plan.agent["limits"] |= {"calls": calls, "calls_per_second": 1000}
        plan.agent["log"]["level"] = "info"
        if change is not None:
            change(plan)
        house = House(plan, cxone, Path(folder))
        house.agent.within = (*with_us(), *within)
        house.agent.checkout = checkout
        ends.callback(house.agent.kill)
        house.start(_START_SECONDS if not within else _SLOW_START_SECONDS)
        ends.callback(house.close)
        yield house


class Placed(Protocol):
    """What stands between SIPp's two ends: callers come to `plan.sip`, voice agents are at `plan.first`."""

    plan: Plan


@dataclass
class Load:
    """SIPp on both ends of the agent, or of what else is placed there.

    Attributes:
        rate: calls begun each second; below one too.
        calls: how many altogether.
        hold: milliseconds from answer to BYE.
        media: G.711 both ways: streamed by the caller, echoed by the voice agent.
        lenient: a message out of turn ends no call: a 180 that is overtaken by its 200, a repeated one.
        source: the address that callers have.
        routed: they keep to the Record-Route of a proxy (RFC 3261 section 12.2.1.1).
        timed: SIPp writes down how long each caller waited.
        waits: milliseconds from INVITE to 200 of each answered call, once it has run, if it was timed.
    """

    house: Placed
    rate: float
    calls: int
    hold: int
    media: bool = False
    lenient: bool = False
    timed: bool = False
    source: str = "127.0.0.1"
    routed: bool = False
    folder: Path = Path()
    waits: list[float] = field(default_factory=list)

    async def run(self) -> dict[str, int]:
        """Run it to its end. Returns SIPp's own counts, callers' and voice agents'."""
        with tempfile.TemporaryDirectory(prefix="handoff-load-") as folder:
            self.folder = Path(folder)
            agent = await self._sipp("agent", self._voice_agent(), self.house.plan.first, VOICE_AGENT)
            try:
                caller = await self._sipp("caller", self._caller(), free_port(), self.source)
                limit = self.calls / self.rate + self.hold / 1000 + 60
                try:
                    code = await asyncio.wait_for(caller.wait(), limit)
                finally:
                    await _ended(caller)
                await _at_its_end(agent)
            finally:
                await _ended(agent)
            if code and (self.folder / "caller.err").exists():
                print((self.folder / "caller.err").read_text()[:3000])
            self.waits = self._waits()
            return {"exit_code": code, **self._counts("caller")}

    async def _sipp(
        self, name: str, arguments: list[str], port: int, address: str
    ) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *with_us(), "sipp", *arguments, "-i", address, "-bind_local", "-mi", address, "-p", str(port),
            "-cp", str(free_port()), "-nostdin", "-d", str(self.hold if name == "caller" else 0),
            "-trace_stat", "-stf", f"{name}.csv", "-fd", "1", "-deadcall_wait", "0", "-buff_size", "4194304",
            "-trace_err", "-error_file", f"{name}.err", "-key", "rtp_port", "9",
            cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def _voice_agent(self) -> list[str]:
        echo = ["-rtp_echo", "-mp", str(free_range(4)[0])] if self.media else []
        # Without the pause between 180 and 200: one of 0 ms takes SIPp 3 ms, for which the agent only waits.
        answers = (SCENARIOS / "load/voice_agent.xml").read_text().replace("<pause/>", "")
        (self.folder / "voice_agent.xml").write_text(answers)
        return ["-sf", "voice_agent.xml", *echo]

    def _caller(self) -> list[str]:
        scenario = "load/caller_media.xml" if self.media else "load/caller_signalling.xml"
        text = (SCENARIOS / scenario).read_text()
        if self.routed:
            invite, via, within = text.partition(_VIA)
            text = invite + via + within.replace(_VIA, f"{_VIA}    [routes]\n")
        (self.folder / "caller.xml").write_text(text)
        if self.media:
            speech = Path("build/audio/caller.wav").absolute()
            (self.folder / "speech.wav").symlink_to(speech)
        prefix = str(int(time.time()) % 10**8)
        ports = ["-mp", str(free_range(self.calls * 2 + 4)[0])] if self.media else []
        ports += ["-default_behaviors", "all,-abortunexp"] if self.lenient else []
        ports += ["-trace_rtt", "-rtt_freq", "100"] if self.timed else []
        return [
            f"127.0.0.1:{self.house.plan.sip}", "-sf", "caller.xml",
            "-r", str(round(self.rate * 1000)), "-rp", "1000000",
            "-m", str(self.calls), "-l", str(self.calls),
            "-key", "number", CARE, "-key", "token", TOKEN, "-key", "contact_prefix", prefix, *ports,
        ]  # fmt: skip

    def _counts(self, name: str) -> dict[str, int]:
        rows = (self.folder / f"{name}.csv").read_text().strip().splitlines()
        last = dict(zip(rows[0].split(";"), rows[-1].split(";"), strict=False))
        wanted = {
            "successful": "SuccessfulCall(C)",
            "failed": "FailedCall(C)",
            "retransmissions": "Retransmissions(C)",
            "unexpected": "UnexpectedMessages(C)",
        }
        return {short: int(last.get(long) or 0) for short, long in wanted.items()}

    def _waits(self) -> list[float]:
        lines = [line for path in self.folder.glob("*_rtt.csv") for line in path.read_text().splitlines()[1:]]
        rows = [line.split(";") for line in lines]
        return [float(row[1]) for row in rows if row[2] == "1"]


async def _at_its_end(process: asyncio.subprocess.Process) -> None:
    """Let SIPp answer what its last calls still ask, or the agent repeats it for half a minute."""
    process.send_signal(signal.SIGUSR1)
    with suppress(TimeoutError):
        await asyncio.wait_for(process.wait(), _LAST_ANSWERS_SECONDS)


async def _ended(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()
    await process.wait()


def signals(samples: Samples, outcome: str) -> float:
    """Signals settled so."""
    return total(samples, "handoff_signals_total", outcome=outcome)
