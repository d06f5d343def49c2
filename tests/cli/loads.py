# SPDX-License-Identifier: GPL-3.0-or-later
"""``handoff-agent load`` as a process of its own: started, listened to, and what it left behind."""

from __future__ import annotations

import asyncio
import json
import os
import re
import secrets
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from tests.calls.harness.plan import TOKEN

PROGRAM = Path(sys.executable).with_name("handoff-agent")
_OF_THE_MACHINE = ("setup_p99", "signal_p99", "retransmissions", "gap", "loss")
QUIET = tuple(word for limit in _OF_THE_MACHINE for word in ("--limit", f"{limit}=off"))
"""A busy machine is not what these tests are about."""


class Load:
    """The command under way."""

    def __init__(self, process: asyncio.subprocess.Process, mark: str) -> None:
        self.process = process
        self._mark = mark.encode()

    async def says(self, pattern: bytes) -> bytes:
        """The next line of its progress in which this is found, which it may not say."""
        assert self.process.stderr is not None
        told = b""
        async for line in self.process.stderr:
            told += line
            if re.search(pattern, line):
                return line
        raise AssertionError(f"it never said {pattern!r}: {told.decode()}")

    async def counts(self) -> None:
        """Wait until calls are placed that count: its warm-up is over."""
        await self.says(rb"^\w+: .* for ")
        await self.says(rb"^ +[1-9]\d*s  rate")

    async def ended(self) -> tuple[int, str]:
        """Its exit code, and all that it has said since."""
        said, told = await self.process.communicate()
        return self.process.returncode or 0, f"{said.decode()}{told.decode()}"

    def started(self) -> dict[int, str]:
        """The processes that it, or who it started, has started and that run: their command lines."""
        found = {}
        for entry in Path("/proc").iterdir():
            with suppress(OSError, ValueError):
                pid = int(entry.name)
                if pid != self.process.pid and self._mark in (entry / "environ").read_bytes():
                    found[pid] = (entry / "cmdline").read_text().replace("\0", " ")
        return found  # of one that has ended, and of which but the entry is left, the environment is empty


@asynccontextmanager
async def loading(
    *arguments: str, path: str | None = None, within: tuple[str, ...] = ()
) -> AsyncIterator[Load]:
    """The command under way, with another search path or within another command; killed in the end."""
    mark = f"LOAD_MARK={secrets.token_hex(8)}"
    name, _, value = mark.partition("=")
    environment = {**os.environ, "LOAD_TOKEN": TOKEN, name: value}
    process = await asyncio.create_subprocess_exec(
        *within, PROGRAM, "load", *arguments, env=environment | ({"PATH": path} if path is not None else {}),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        yield Load(process, mark)
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def load(*arguments: str, path: str | None = None, within: tuple[str, ...] = ()) -> tuple[int, str]:
    """Exit code, and all that was said."""
    async with loading(*arguments, path=path, within=within) as one:
        return await one.ended()


def result(folder: Path) -> dict[str, Any]:
    """What was kept."""
    kept: dict[str, Any] = json.loads((folder / "result.json").read_text())
    return kept
