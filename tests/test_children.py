# SPDX-License-Identifier: GPL-3.0-or-later
"""Child processes: none outlives whoever asked it, and none takes all the memory."""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from agent import children
from tests.calls.harness.waiting import eventually

HANGS = """
import os, pathlib, signal, sys
pathlib.Path(sys.argv[1] + ".new").write_text(str(os.getpid()))
os.rename(sys.argv[1] + ".new", sys.argv[1])
signal.pause()
"""
HUNGRY = """
from agent.child import take_at_most
take_at_most(256 << 20)
try:
    bytearray(300 << 20)
except MemoryError:
    print("too much")
print(open("/proc/self/oom_score_adj").read().strip())
"""
RESERVED = """
import mmap
reserved = mmap.mmap(-1, 1 << 30)
import hungry
bytearray(64 << 20)
"""
PARENT = """
import asyncio, sys
from agent import children
children._ROOT = sys.argv[1]
asyncio.run(children.ask("hangs", sys.argv[2], seconds=300))
"""


@pytest.fixture
def pid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the child that hangs writes its number once it does."""
    (tmp_path / "hangs.py").write_text(HANGS)
    (tmp_path / "hungry.py").write_text(HUNGRY)
    (tmp_path / "reserved.py").write_text(RESERVED)
    monkeypatch.setattr(children, "_ROOT", f"{tmp_path}{os.pathsep}{children._ROOT}")
    return tmp_path / "pid"


async def number(pid: Path) -> int:
    await eventually(pid.exists, what="the child hangs")
    return int(pid.read_text())


async def test_one_that_nobody_waits_for_any_more_is_gone(pid: Path) -> None:
    asking = asyncio.ensure_future(children.ask("hangs", str(pid), seconds=300))
    child = await number(pid)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert not Path(f"/proc/{child}").exists()


async def test_one_that_takes_too_long_is_gone(pid: Path) -> None:
    with pytest.raises(TimeoutError):
        await children.ask("hangs", str(pid), seconds=0)


async def test_one_whose_parent_was_killed_is_gone_whatever_it_was_about_to_do(pid: Path) -> None:
    """It need not say that it is a child: its first import may be what it hangs in."""
    parent = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PARENT, children._ROOT, str(pid)), env=children._environment()
    )
    child = await number(pid)
    parent.kill()
    await parent.wait()
    await eventually(lambda: not Path(f"/proc/{child}").exists(), what="the kernel ended it")


async def test_one_whose_parent_was_gone_before_it_began_does_nothing(pid: Path) -> None:
    """Python takes a while to start; whoever has adopted the child by then does not want it."""
    adopted = await asyncio.create_subprocess_exec(
        *("sh", "-c", '"$0" -m agent.child hangs "$1"; echo $?', sys.executable, str(pid)),
        env=children._environment(),
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        said, _ = await asyncio.wait_for(adopted.communicate(), 60)
    finally:
        with suppress(ProcessLookupError):
            adopted.kill()
        await adopted.wait()
    assert said == b"1\n"
    assert not pid.exists()


async def test_one_that_may_not_have_all_the_memory_has_an_error_and_goes_before_its_parent(
    pid: Path,
) -> None:
    said = await children.ask("hungry", str(pid), seconds=60)
    assert (said.code, said.output.split()) == (0, [b"too", b"much", b"1000"]), said.errors


async def test_address_space_that_was_only_reserved_before_counts_for_nothing(pid: Path) -> None:
    """AddressSanitizer reserves terabytes before it begins."""
    said = await children.ask("reserved", str(pid), seconds=60)
    assert (said.code, said.output.split()) == (0, [b"too", b"much", b"1000"]), said.errors
