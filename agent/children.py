# SPDX-License-Identifier: GPL-3.0-or-later
"""How our own modules are run in a fresh Python process: with our code alone, and in a time.

No such child outlives whoever asks it: it is killed when its time is over or the asking is cancelled, and the
kernel ends it when our process goes, however that ends (`begin_as_child`).
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import resource
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import agent

_ROOT = str(Path(agent.__file__).resolve().parents[1])
_PR_SET_PDEATHSIG: Final = 1
_PARENT: Final = "HANDOFF_AGENT_PARENT"
_FIRST_TO_GO: Final = "1000"


@dataclass(frozen=True)
class Said:
    """What came of a child.

    Attributes:
        code: its exit code; below 0 the signal that ended it.
        output: what it wrote to its standard output.
        errors: the same of its standard error.
    """

    code: int
    output: bytes
    errors: bytes

    @property
    def last_words(self) -> str:
        """The last line of its errors: why it died, where it could not say so itself."""
        return (self.errors.decode(errors="replace").strip().splitlines() or ["it said nothing"])[-1]


async def ask(
    module: str, *arguments: str, told: bytes = b"", seconds: float, lent: Sequence[int] = ()
) -> Said:
    """Run a module of ours (``python -m``) to its end.

    Args:
        module: its name.
        arguments: of the command line, which everybody on this machine can read.
        told: goes to its standard input.
        seconds: after which it is killed.
        lent: descriptors that it gets under the same numbers.

    Raises:
        TimeoutError: it took longer.
        OSError: it can't be started.
    """
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", module, *arguments),  # -P: no module comes from where we stand
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        pass_fds=lent,
        env=_environment(),
    )
    try:
        async with asyncio.timeout(seconds):
            output, errors = await child.communicate(told)
    finally:
        if child.returncode is None:
            with suppress(ProcessLookupError):
                child.kill()
            await child.wait()
    return Said(child.returncode or 0, output, errors)


async def begin(module: str) -> asyncio.subprocess.Process:
    """Start a module of ours that works beside us; whoever asks ends it by closing its input, or kills it.

    What it writes to its standard error is heard by nobody.

    Raises:
        OSError: it can't be started.
    """
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", module),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=_environment(),
    )


def begin_as_child(most_memory: int | None = None) -> None:
    """What a child does first: it ends with its parent (prctl(2)), and goes before it where memory runs out.

    Args:
        most_memory: bytes of address space that it may take from now on; beyond that it gets a `MemoryError`.
    """
    parent = int(os.environ.get(_PARENT, os.getppid()))
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)  # it was quicker, perhaps while Python started
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's goes to both, and the parent decides
    with suppress(OSError):  # proc(5); the calls that are up are the parent's
        Path("/proc/self/oom_score_adj").write_text(_FIRST_TO_GO, encoding="ascii")
    if most_memory is not None:
        most = _address_space() + most_memory
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        if hard == resource.RLIM_INFINITY or most < hard:
            resource.setrlimit(resource.RLIMIT_AS, (most, hard))


def _address_space() -> int:
    """Bytes that this process has of it (proc(5)); a sanitizer reserves terabytes before anything runs."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    return pages * resource.getpagesize()


def _environment() -> dict[str, str]:
    """Ours, where our code is, and who we are."""
    path = os.pathsep.join(filter(None, [_ROOT, os.environ.get("PYTHONPATH")]))
    return os.environ | {"PYTHONPATH": path, _PARENT: str(os.getpid())}
