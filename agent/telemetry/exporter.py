# SPDX-License-Identifier: GPL-3.0-or-later
"""Hands calls that are over to the process that makes and sends their spans; never waits for it.

A process, since making spans is CPU work, and no other thread of the agent's may do any. What finds no room,
or meets a process that has died, is dropped and counted.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
from collections import deque
from contextlib import suppress
from typing import Final

import agent
from agent import children
from agent.core.model.traces import Traces
from agent.telemetry.exporting import Receiver
from agent.telemetry.logs import logger
from agent.telemetry.spans import Told

MODULE: Final = "agent.telemetry.exporting"
WAITING: Final = 1000
"""Calls that may wait for the process."""
_AGAIN_SECONDS: Final = 5.0
_SILENT_SECONDS: Final = 60.0  # between two lines in the log about the same trouble
_LAST_SECONDS: Final = 2.0
_NOT_EXPORTED: Final = "traces are not exported"
_EXTRA: Final = ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")
MISSING: Final = "traces need the extra otel, which is not installed: pip install 'handoff-agent[otel]'"


def installed() -> bool:
    """Whether the extra is there. Nothing of it is imported in this process."""
    try:
        return all(importlib.util.find_spec(name) is not None for name in _EXTRA)
    except ModuleNotFoundError:
        return False


_log = logger("traces")


class Exporter:
    """The process, from the time this is made until `aclose`.

    Args:
        settings: where to.
        node: name of this node.

    Attributes:
        exported: spans that the receiver took.
        dropped: spans that it did not take.
        calls_dropped: calls that found no room on the way, or went with a process that died.
    """

    def __init__(self, settings: Traces, node: str) -> None:
        self.exported = 0
        self.dropped = 0
        self.calls_dropped = 0
        headers = {name: value.get_secret_value() for name, value in settings.headers.items()}
        self._receiver = Receiver(settings.endpoint, headers, settings.service, node, agent.__version__)
        self._waiting: deque[bytes] = deque()
        self._news = asyncio.Event()
        self._ending = False
        self._told: dict[str, float] = {}  # of each trouble: when it was told last
        self._on_the_way = 0  # calls that the process has, and has not settled
        self._said_why = False
        self._loop = asyncio.get_running_loop()
        self._task = self._loop.create_task(self._run())

    def put(self, told: Told) -> None:
        """Have a call's trace exported."""
        if len(self._waiting) >= WAITING or self._ending:
            self.calls_dropped += 1
            return
        self._waiting.append(told.line())
        self._news.set()

    async def aclose(self) -> None:
        """Export what waits, as far as that goes in a moment."""
        self._ending = True
        self._news.set()
        await asyncio.wait((self._task,), timeout=_LAST_SECONDS)
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self.calls_dropped += len(self._waiting)

    async def _run(self) -> None:
        """Keep a process, another one when it dies, until the end."""
        while True:
            try:
                process = await children.begin(MODULE)
            except OSError as error:
                self._trouble("the process that exports traces can't be started", str(error))
            else:
                if await self._with(process):
                    return
            if self._ending:
                return
            await asyncio.sleep(_AGAIN_SECONDS)

    async def _with(self, process: asyncio.subprocess.Process) -> bool:
        """Whether the process ended as it should; what it had not settled else is counted as dropped."""
        hearing = self._loop.create_task(self._hear(process))
        telling = self._loop.create_task(self._tell(process))
        try:
            # It is told until our end; what it says ends when it does, which may be before.
            await asyncio.wait((hearing, telling), return_when=asyncio.FIRST_COMPLETED)
            await hearing
            code = await process.wait()
            if code == 0 and self._ending:
                return True
            if not self._said_why:
                self._trouble(
                    "the process that exports traces has died",
                    f"{self._on_the_way} calls that it had are not traced; another one follows",
                )
            return False
        finally:
            for task in (hearing, telling):
                task.cancel()
            await asyncio.gather(hearing, telling, return_exceptions=True)
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
            self.calls_dropped += self._on_the_way
            self._on_the_way = 0

    async def _tell(self, process: asyncio.subprocess.Process) -> None:
        to = process.stdin
        if to is None:
            return
        to.write(self._receiver.line())
        while True:
            while self._waiting:
                self._on_the_way += 1
                to.write(self._waiting.popleft())
                await to.drain()
            if self._ending:
                break
            self._news.clear()
            await self._news.wait()
        to.close()

    async def _hear(self, process: asyncio.subprocess.Process) -> None:
        """What it says of spans, until it ends."""
        self._said_why = False
        if process.stdout is None:
            return
        async for line in process.stdout:
            if not line.endswith(b"\n"):
                return  # it was killed as it spoke
            said = json.loads(line)
            self.exported += said.get("exported", 0)
            self.dropped += said.get("dropped", 0)
            self.calls_dropped += said.get("calls_dropped", 0)
            self._on_the_way -= said.get("calls", 0) + said.get("calls_dropped", 0)
            self._said_why = "error" in said
            if why := said.get("why") or said.get("error"):
                self._trouble(_NOT_EXPORTED, why)
            elif _NOT_EXPORTED in self._told and said.get("exported"):
                self._told.clear()
                _log.warning("traces are exported again", endpoint=self._receiver.endpoint)

    def _trouble(self, event: str, why: str) -> None:
        if self._loop.time() - self._told.get(event, float("-inf")) >= _SILENT_SECONDS:
            self._told[event] = self._loop.time()
            _log.error(event, why=why, endpoint=self._receiver.endpoint)
