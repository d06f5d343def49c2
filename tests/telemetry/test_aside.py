# SPDX-License-Identifier: GPL-3.0-or-later
"""What a disk may hold up is done beside the loop, and given up where it takes too long."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from agent.telemetry.aside import aside


async def test_it_gives_what_the_work_gives_from_another_thread() -> None:
    assert await aside(threading.get_ident, 60) != threading.get_ident()


async def test_what_the_work_raises_is_raised(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await aside((tmp_path / "none").read_bytes, 60)


async def test_work_that_hangs_is_given_up_and_what_it_gives_later_is_nobody_s() -> None:
    go_on, over = threading.Event(), threading.Event()

    def hang() -> None:
        go_on.wait()
        over.set()

    with pytest.raises(TimeoutError):
        await aside(hang, 0.01)
    go_on.set()
    assert await asyncio.to_thread(over.wait, 60)
    await asyncio.sleep(0)
