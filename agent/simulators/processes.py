# SPDX-License-Identifier: GPL-3.0-or-later
"""Child processes of a rehearsal: started, listened to line by line, ended with it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from agent.core.errors import AgentError

_END_SECONDS = 20.0
_NOTICE_SECONDS = 1.0
_LINE_BYTES = 1_048_576


def with_us() -> tuple[str, ...]:
    """What a command begins with whose process is killed when this one dies, however that may be.

    Killed: an agent that was asked to end would wait for calls whose callers are dead. Nothing where
    util-linux lacks setpriv: then a kill -9 of this process leaves its children behind.
    """
    setpriv = shutil.which("setpriv")
    return (setpriv, "--pdeathsig", "KILL") if setpriv else ()


class Child:
    """One process. `lines` are what it said on standard output, `log` the file with its standard error."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, log: Path) -> None:
        self.name = name
        self.log = log
        self.lines: list[str] = []
        self._process = process
        self._news = asyncio.Condition()
        self._reader = asyncio.ensure_future(self._read())

    @classmethod
    async def start(
        cls, name: str, log: Path, *command: str, folder: Path | None = None, apart: bool = False
    ) -> Child:
        """Start a program, in `folder`; `apart`: the Ctrl-C of a terminal does not reach it.

        Raises:
            AgentError: it is not installed.
        """
        with log.open("wb") as errors:
            try:
                process = await asyncio.create_subprocess_exec(
                    *command,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=asyncio.subprocess.PIPE,
                    stderr=errors,
                    cwd=folder,
                    limit=_LINE_BYTES,
                    start_new_session=apart,
                )
            except FileNotFoundError:
                raise AgentError(f"{command[0]} is not installed: run make setup") from None
        return cls(name, process, log)

    async def said(self, wanted: Callable[[str], bool], seconds: float) -> str:
        """The first line that is wanted, said already or to come.

        Raises:
            AgentError: it ended, or said nothing of the kind in time.
        """

        def found() -> str | None:
            return next((line for line in self.lines if wanted(line)), None)

        try:
            async with asyncio.timeout(seconds), self._news:
                await self._news.wait_for(lambda: found() or self._reader.done())
        except TimeoutError:
            raise self.late(seconds) from None
        line = found()
        if line is None:
            raise AgentError(self.gone())
        return line

    def gone(self) -> str:
        """That it has ended though it should not have, and why."""
        return f"{self.name} ended early{self._why()}"

    def late(self, seconds: float) -> AgentError:
        """That it has not come up, or not said what it should, for so long."""
        return AgentError(f"{self.name} is not ready after {seconds:g} s{self._why()}")

    def facts(self, event: str) -> list[dict[str, Any]]:
        """The JSON objects it said whose ``event`` is this one."""
        return [one for one in self.told() if one.get("event") == event]

    def told(self) -> list[dict[str, Any]]:
        """All JSON objects it said."""
        return [json.loads(line) for line in self.lines if line.startswith("{")]

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._process.returncode is None

    async def ended(self, seconds: float) -> int:
        """Its exit code, once it has ended by itself.

        Raises:
            AgentError: it has not in time.
        """
        try:
            return await asyncio.wait_for(self._process.wait(), seconds)
        except TimeoutError:
            raise AgentError(f"{self.name} did not end within {seconds:g} s{self._why()}") from None

    async def end(self, *patience: float) -> None:
        """Ask it to end with SIGTERM, as often as there are seconds to wait then; kill it at last.

        Whoever drains after the first one ends at once after the second.
        """
        if self._reader.done():  # it has ended, or is about to: let that be noticed first
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), _NOTICE_SECONDS)
        for seconds in patience or (_END_SECONDS,):
            with contextlib.suppress(ProcessLookupError):
                self._process.terminate()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), seconds)
                break
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()
        await self._reader

    def _why(self) -> str:
        with contextlib.suppress(OSError):
            lines = self.log.read_text(errors="replace").strip().splitlines()
            # What a command says last of itself comes before what its log says.
            own = [line for line in lines if not line.startswith("{")] or lines
            if own:
                return f": {_event(own[-1])}"
        return f": {self.lines[-1]}" if self.lines else ""

    async def _read(self) -> None:
        if self._process.stdout is None:
            return
        async for line in self._process.stdout:
            async with self._news:
                self.lines.append(line.decode(errors="replace").rstrip())
                self._news.notify_all()
        async with self._news:
            self._news.notify_all()


def _event(line: str) -> str:
    """What a log line tells, for people; any other line is as it is."""
    with contextlib.suppress(ValueError):
        told: Any = json.loads(line)
        if isinstance(told, dict) and "event" in told:
            return str(told["event"])
    return line
