# SPDX-License-Identifier: GPL-3.0-or-later
"""Our own commands that play their parts beside this process: simulated CXone, voice agents, an agent."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import aiohttp

from agent.core.errors import AgentError
from agent.simulators.processes import Child, with_us

_UP_SECONDS: Final = 90.0  # a first start compiles all modules and makes the tables
_POLL_SECONDS: Final = 0.05
_PATIENCE: Final = (2.0, 2.0)  # seconds for calls that are up still, and for what ends them at once
_NONE: Final = (0.0,)  # for one that was still coming up: it has no calls, and perhaps no ear for signals
_OK: Final = 200


class Cast:
    """Processes that are started one after another and ended together.

    None of them outlives this process, however that ends, and none hears the Ctrl-C of its terminal.

    Args:
        folder: where their logs go, and where they run, unless `place` says otherwise.
        http: what the agent is asked with.
        place: the folder in which they run.
    """

    def __init__(self, folder: Path, http: aiohttp.ClientSession, place: Path | None = None) -> None:
        self._folder, self._http, self._place = folder, http, place or folder
        self._children: dict[str, Child] = {}
        self._up: set[str] = set()

    def __getitem__(self, name: str) -> Child:
        return self._children[name]

    def get(self, name: str) -> Child | None:
        """The one of that name, if it was started."""
        return self._children.get(name)

    def gone(self) -> str | None:
        """Who has ended that should not have, and why."""
        return next((one.gone() for one in self._children.values() if not one.running), None)

    async def cxone(self, listen: str) -> None:
        """Start a simulated CXone at ``HOST:PORT``; all return when it is up.

        Raises:
            AgentError: it has not come up.
        """
        await self._started(
            "cxone", lambda line: "listens on" in line, "simulate", "cxone", "--listen", listen
        )

    async def voice_agent(self, name: str, listen: str, *options: str) -> None:
        """Start a voice agent at ``HOST:PORT``.

        Raises:
            AgentError: it has not come up.
        """
        await self._started(
            name, lambda line: '"event": "listening"' in line,
            "simulate", "voice-agent", "--listen", listen, *options,
        )  # fmt: skip

    async def agent(self, config: Path, operations: str) -> None:
        """Start the agent of a configuration, and wait until it is ready.

        Args:
            config: its folder.
            operations: URL of its operations listener.

        Raises:
            AgentError: it has not come up.
        """
        agent = await self._start("agent", "run", "--config", str(config))
        until = time.monotonic() + _UP_SECONDS
        while time.monotonic() < until:
            if not agent.running:
                raise AgentError(agent.gone())
            try:
                async with self._http.get(f"{operations}/readyz") as answer:
                    if answer.status == _OK:
                        self._up.add(agent.name)
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(_POLL_SECONDS)
        raise agent.late(_UP_SECONDS)

    async def end(self) -> None:
        """End all of them, side by side."""
        children = self._children.items()
        ends = (one.end(*(_PATIENCE if name in self._up else _NONE)) for name, one in children)
        await asyncio.gather(*ends)

    async def _started(self, name: str, up: Callable[[str], bool], *arguments: str) -> None:
        child = await self._start(name, *arguments)
        await child.said(up, _UP_SECONDS)
        self._up.add(name)

    async def _start(self, name: str, *arguments: str) -> Child:
        program = str(Path(sys.executable).with_name("handoff-agent"))
        log = self._folder / f"{name.replace(' ', '-')}.log"
        child = await Child.start(name, log, *with_us(), program, *arguments, folder=self._place, apart=True)
        self._children[name] = child
        return child
