# SPDX-License-Identifier: GPL-3.0-or-later
"""How our own modules are run in a fresh Python process: with our code alone, and in a time.

No such child outlives whoever asks it: it is killed when its time is over or the asking is cancelled, and the
kernel ends it when our process goes, however that ends (`agent.child`).
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import agent
from agent import child

_ROOT = str(Path(agent.__file__).resolve().parents[1])
_BEGINS: Final = ("-P", "-m", child.__name__)  # -P: no module comes from where we stand


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
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, *_BEGINS, module, *arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        pass_fds=lent,
        env=_environment(),
    )
    try:
        async with asyncio.timeout(seconds):
            output, errors = await process.communicate(told)
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    return Said(process.returncode or 0, output, errors)


async def begin(module: str) -> asyncio.subprocess.Process:
    """Start a module of ours that works beside us; whoever asks ends it by closing its input, or kills it.

    What it writes to its standard error is heard by nobody.

    Raises:
        OSError: it can't be started.
    """
    return await asyncio.create_subprocess_exec(
        *(sys.executable, *_BEGINS, module),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=_environment(),
    )


def _environment() -> dict[str, str]:
    """Ours, where our code is, and who we are."""
    path = os.pathsep.join(filter(None, [_ROOT, os.environ.get("PYTHONPATH")]))
    return os.environ | {"PYTHONPATH": path, child.PARENT: str(os.getpid())}
