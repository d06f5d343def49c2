# SPDX-License-Identifier: GPL-3.0-or-later
"""SIPp as one end of many calls: started, steered over its control socket, read while it runs, ended."""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from agent.core.errors import AgentError
from agent.core.units import bracketed
from agent.load.counts import Counts, ResponseTimes, StatisticsFile
from agent.load.ports import is_free
from agent.load.targets import Target
from agent.simulators.processes import with_us

NORMAL: Final = (0, 1, 99)
"""Exit codes of one that came to its end: all calls went well, some did not, none was made."""
_EMPTY: Final = (0, 99)
CONTROL_ADDRESS: Final = "127.0.0.1"
"""Where a SIPp is steered; it knows no IPv6 there."""
SCENARIOS: Final = Path(__file__).with_name("scenarios")
_PROGRAM: Final = "sipp"
_VERSION: Final = re.compile(rb"\bv(\d+)\.(\d+)\.(\d+)")
_OLDEST: Final = (3, 6, 1)
_VERSION_SECONDS: Final = 10.0
_NOT_THERE: Final = "SIPp is not installed: apt-get install sip-tester (Debian), or make setup"
_BUFFER: Final = 4_194_304
_LOG_BYTES: Final = 20_000_000
_BEGIN_SECONDS: Final = 10.0
_LOOK_SECONDS: Final = 0.02
_LAST_ANSWERS_SECONDS: Final = 2.0
_TERM_SECONDS: Final = 3.0


@dataclass(frozen=True, slots=True)
class Job:
    """What one SIPp does.

    Attributes:
        name: of the process and of its files.
        scenario: the XML file.
        address, port: where it listens, and what it calls from.
        control: the port of its control socket, on `CONTROL_ADDRESS`.
        target: whom it calls; None for one that is called.
        rate: calls a second, at first.
        calls: so many and no more; 0 for one that is called, which takes them until it is ended.
        at_once: none is begun while so many are up.
        hold: seconds of each ``<pause/>`` in the scenario.
        keys: what stands for ``[name]`` in the scenario.
        options: more of SIPp's own.
        streams: it needs audio to stream, in its folder.
        seconds: after which it surely ends.
    """

    name: str
    scenario: Path
    address: str
    port: int
    control: int
    target: Target | None = None
    rate: float = 0.0
    calls: int = 0
    at_once: int = 0
    hold: float = 0.0
    keys: tuple[tuple[str, str], ...] = ()
    options: tuple[str, ...] = ()
    streams: bool = False
    seconds: float = 0.0
    secrets: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """What stands for ``[name]`` and must not be seen in a list of processes."""


async def require_sipp() -> None:
    """See whether SIPp is there, and new enough for our scenarios.

    Raises:
        AgentError: it is not.
    """
    if shutil.which(_PROGRAM) is None:
        raise AgentError(_NOT_THERE)
    try:
        asked = await asyncio.create_subprocess_exec(
            *(*with_us(), _PROGRAM, "-v"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
    except OSError as error:
        raise AgentError(f"SIPp can't be run: {error.strerror}") from None
    try:
        async with asyncio.timeout(_VERSION_SECONDS):
            said, _ = await asked.communicate()
    except TimeoutError:
        raise AgentError(f"SIPp does not tell its version within {_VERSION_SECONDS:g} s") from None
    finally:
        if asked.returncode is None:
            asked.kill()
            await asked.wait()
    found = _VERSION.search(said)
    if found is None:
        raise AgentError(f"{shutil.which(_PROGRAM)} is no SIPp: it tells no version")
    if tuple(map(int, found.groups())) < _OLDEST:
        oldest = ".".join(map(str, _OLDEST))
        raise AgentError(f"SIPp {found[0].decode().lstrip('v')} is too old: {oldest} or newer is needed")


class Sipp:
    """A SIPp that runs. `start` makes one; `end` it whatever happens."""

    def __init__(self, job: Job, folder: Path, process: asyncio.subprocess.Process) -> None:
        self.job = job
        self.folder = folder
        self.times = ResponseTimes(folder)
        self._process = process
        self._statistics = StatisticsFile(folder / "statistics.csv")

    @classmethod
    async def start(cls, job: Job, folder: Path) -> Sipp:
        """Start it, in a folder of its own below `folder`.

        One that is called is there when this returns; one that calls has just begun.

        Raises:
            AgentError: it is not installed, its scenario can't be read, or it does not listen.
        """
        own = folder / job.name
        own.mkdir(parents=True, exist_ok=True)
        scenario = own / "scenario.xml"
        scenario.write_text(_filled(job))
        scenario.chmod(0o600)
        try:
            with (own / "said.log").open("wb") as said:
                process = await asyncio.create_subprocess_exec(
                    *with_us(), _PROGRAM, *_arguments(job), cwd=own, stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL, stderr=said,
                    start_new_session=True,  # Ctrl-C is for us: SIPp would leave its calls up
                )  # fmt: skip
        except FileNotFoundError:
            raise AgentError(_NOT_THERE) from None
        sipp = cls(job, own, process)
        if job.target is None:
            error = await sipp._listening()
            if error is not None:
                await sipp.end()
                raise error
        return sipp

    def could_not_begin(self) -> AgentError | None:
        """Why it ended without having begun a call; None if it runs, or has begun one."""
        if self.running or self.code in _EMPTY or self.counts().begun:
            return None
        return AgentError(
            f"SIPp can't play {self.job.scenario.name}: {self.complaint() or f'exit code {self.code}'}"
        )

    def gone(self) -> str | None:
        """That it has ended though it should not have, and why."""
        if self.running or self.code in NORMAL:
            return None
        return f"SIPp ({self.job.name}) ended with {self.code}: {self.complaint()}"

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._process.returncode is None

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    @property
    def code(self) -> int | None:
        """Its exit code: 0 if each call went by the scenario, 1 if one did not, 255 for its own errors."""
        return self._process.returncode

    def counts(self) -> Counts:
        """Its counts as it wrote them last, a second ago at most."""
        return self._statistics.read()

    def set_rate(self, rate: float) -> None:
        """Begin so many calls a second from now on."""
        self._control(f"cset rate {rate:.3f}")

    async def wait(self) -> int:
        """Its exit code, once it has ended."""
        return await self._process.wait()

    def begin_no_more(self) -> None:
        """Begin no more calls; it ends with the last one. Said twice: those that are up are ended too."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGUSR1)

    async def end(self) -> None:
        """Let it answer what its last calls still ask, then end it."""
        if self.running and self.job.target is None:
            self.begin_no_more()
            if await self._gone(_LAST_ANSWERS_SECONDS):
                return
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)
            if await self._gone(_TERM_SECONDS):
                return

    def complaint(self) -> str:
        """The last thing that it said of itself."""
        for name in ("errors.log", "said.log"):
            with contextlib.suppress(OSError):
                lines = (self.folder / name).read_text(errors="replace").strip().splitlines()
                said = [
                    line.strip() for line in lines if line.strip() and "Resolving remote host" not in line
                ]
                if said:
                    return said[-1].rpartition("\t")[2][:300]
        return ""

    def errors(self) -> Path:
        """The file with what went wrong in its calls."""
        return self.folder / "errors.log"

    async def _listening(self) -> AgentError | None:
        """Wait until it has its port. Returns why it has not."""
        until = time.monotonic() + _BEGIN_SECONDS
        while self.running and is_free(self.job.address, self.job.port, socket.SOCK_DGRAM):
            if time.monotonic() > until:
                return AgentError(f"SIPp does not listen on {self.job.address}:{self.job.port}")
            await asyncio.sleep(_LOOK_SECONDS)
        return self.could_not_begin()

    async def _gone(self, seconds: float) -> bool:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._process.wait(), seconds)
        return not self.running

    def _control(self, command: str) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out, contextlib.suppress(OSError):
            out.sendto(command.encode(), (CONTROL_ADDRESS, self.job.control))


def _filled(job: Job) -> str:
    try:
        text = job.scenario.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise AgentError(f"the scenario {job.scenario} can't be read: {why}") from None
    for name, value in job.secrets:
        text = text.replace(f"[{name}]", value)
    if job.target is None and job.scenario.parent == SCENARIOS:
        # The pause between 180 and 200: one of 0 ms takes SIPp 3 ms, for which the agent only waits.
        text = text.replace("<pause/>", "", 1) if not job.hold else text
    return text


def _arguments(job: Job) -> list[str]:
    keys = [part for name, value in job.keys for part in ("-key", name, value)]
    transport = "t1" if job.target and job.target.transport == "tcp" else "u1"
    caller: list[str] = []
    if job.target is not None:
        caller = [
            f"{bracketed(job.target.address)}:{job.target.port}", "-r", f"{job.rate:.3f}",
            "-m", str(job.calls), "-l", str(job.at_once), "-trace_rtt", "-rtt_freq", "10",
            "-timeout", f"{round(job.seconds)}s",
        ]  # fmt: skip
    return [
        *caller, "-sf", "scenario.xml", "-t", transport, "-i", job.address, "-bind_local",
        "-mi", job.address, "-p", str(job.port), "-ci", CONTROL_ADDRESS, "-cp", str(job.control), "-nostdin",
        "-d", str(round(job.hold * 1000)), "-trace_stat", "-stf", "statistics.csv", "-fd", "1",
        "-trace_err", "-error_file", "errors.log", "-max_log_size", str(_LOG_BYTES),
        "-deadcall_wait", "0", "-buff_size", str(_BUFFER), *keys, *job.options,
    ]  # fmt: skip
