# SPDX-License-Identifier: GPL-3.0-or-later
"""Sippy's B2BUA in its simple form: two dialogs in Python, SDP passed on as it is."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.benchmarks.peers.processes import Peer, running
from tests.calls.harness.plan import VOICE_AGENT, Plan


@asynccontextmanager
async def sippy() -> AsyncIterator[Peer]:
    """One process; no audio passes through it."""
    with tempfile.TemporaryDirectory(prefix="handoff-peer-") as name:
        folder, plan = Path(name), Plan(0)
        command = (
            "b2bua_simple", "-f", "-l", "127.0.0.1", "-p", str(plan.sip),
            "-n", f"{VOICE_AGENT}:{plan.first}", "-L", str(folder / "sippy.log"),
        )  # fmt: skip
        async with running(command, folder, plan.sip) as process:
            yield Peer(plan, [process], audio=False, without="audio, admission, records, signals, stories")
