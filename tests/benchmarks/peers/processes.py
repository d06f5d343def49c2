# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes of a peer: started in the foreground, counted with their children, ended by id."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from agent.simulators.processes import with_us
from tests.benchmarks.edge import cost
from tests.calls.harness.plan import Plan
from tests.calls.harness.ports import is_bound
from tests.calls.harness.waiting import eventually

_GRACE_SECONDS = 10


@dataclass
class Peer:
    """Something between callers and voice agents, running.

    Attributes:
        plan: its ports: callers come to `sip`; voice agents are at `first` and, of the probed call, `second`.
        pids: its processes; their children count too.
        audio: whether audio passes through it.
        without: what it does not do that the others do, in words.
    """

    plan: Plan
    pids: Sequence[int]
    audio: bool = True
    without: str = ""
    notes: dict[str, object] = field(default_factory=dict)

    def cpu(self) -> float:
        """CPU seconds that its living processes have used."""
        return sum(cost(pid).cpu for pid in self._family())

    def memory(self) -> int:
        """Resident kB, pages that several processes share counted once."""
        total = 0
        for pid in self._family():
            found = re.search(r"^Pss:\s+(\d+)", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
            total += int(found[1]) if found else 0
        return total

    def _family(self) -> set[int]:
        children: dict[int, list[int]] = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with suppress(FileNotFoundError, ProcessLookupError):  # it ended while we looked
                    parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
                    children.setdefault(parent, []).append(int(entry.name))
        found: set[int] = set()
        waiting = list(self.pids)
        while waiting:
            pid = waiting.pop()
            found.add(pid)
            waiting += children.get(pid, [])
        return found


@asynccontextmanager
async def running(command: Sequence[str], folder: Path, port: int) -> AsyncIterator[int]:
    """Run a command in the foreground until the block ends. Yields its process id once it has that UDP port.

    Raises:
        AssertionError: it ended, or never bound the port; with what it said last.
    """
    log = folder / f"{Path(command[0]).name}.log"
    with log.open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            *with_us(),
            *command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            env=dict(os.environ),
        )
    try:
        await eventually(
            lambda: process.returncode is not None or is_bound(process.pid, port),
            what=f"{command[0]} at {port}",
        )
        assert process.returncode is None, f"{command[0]} ended: {log.read_text()[-2000:]}"
        yield process.pid
    finally:
        if process.returncode is None:
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), _GRACE_SECONDS)
        except TimeoutError:
            process.kill()
            await process.wait()
