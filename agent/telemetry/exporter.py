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
        calls_dropped: calls that found no room on the way.
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
        self._told = float("-inf")
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
        """Whether the process ended as it should."""
        reading = self._loop.create_task(self._hear(process))
        try:
            await self._tell(process)
            await reading
            return await process.wait() == 0 and self._ending
        except OSError:  # it has died: what was on the way is lost
            self._trouble("the process that exports traces has died", "calls go on, some are not traced")
            return False
        finally:
            reading.cancel()
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    process.kill()
                await process.wait()

    async def _tell(self, process: asyncio.subprocess.Process) -> None:
        to = process.stdin
        if to is None:
            return
        to.write(self._receiver.line())
        while True:
            while self._waiting:
                to.write(self._waiting.popleft())
                await to.drain()
            if self._ending:
                break
            self._news.clear()
            await self._news.wait()
        to.close()

    async def _hear(self, process: asyncio.subprocess.Process) -> None:
        """What it says of spans."""
        if process.stdout is None:
            return
        async for line in process.stdout:
            said = json.loads(line)
            self.exported += said.get("exported", 0)
            self.dropped += said.get("dropped", 0)
            self.calls_dropped += said.get("calls_dropped", 0)
            if why := said.get("why") or said.get("error"):
                self._trouble("traces are not exported", why)

    def _trouble(self, event: str, why: str) -> None:
        if self._loop.time() - self._told >= _SILENT_SECONDS:
            self._told = self._loop.time()
            _log.error(event, why=why, endpoint=self._receiver.endpoint)
