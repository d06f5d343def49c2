# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading the configuration in a child process, so that a running agent's loop never waits for YAML.

The child (``python -m agent.settings``) is a fresh Python process, never a fork of one with media threads.
It runs at low priority and sends the snapshot or the mistakes back over its standard output as a pickle.
"""

from __future__ import annotations

import asyncio
import os
import pickle
import sys
from contextlib import suppress
from pathlib import Path

import agent
from agent.core.errors import AgentError, SettingsError
from agent.core.model import Snapshot

LONGEST = 60.0
"""Seconds."""
_ROOT = str(Path(agent.__file__).resolve().parents[1])


async def load_in_child(folder: Path, timeout: float = LONGEST) -> Snapshot:  # noqa: ASYNC109 - it kills the child
    """Read the configuration in ``folder`` in a child process.

    Args:
        folder: as for `agent.settings.load`.
        timeout: seconds after which the child is killed.

    Raises:
        Mistakes: something is wrong in the files.
        SettingsError: the child could not be started, died or took too long.
    """
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(filter(None, [_ROOT, os.environ.get("PYTHONPATH")]))
    }
    try:
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "agent.settings",
            str(folder),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=environment,
        )
    except OSError as error:  # no memory, no descriptor: that must not end the calls that are up
        raise SettingsError(f"no process can be started to read {folder}: {error.strerror}") from None
    try:
        async with asyncio.timeout(timeout):
            output, _ = await child.communicate()
    except TimeoutError:
        raise SettingsError(f"reading {folder} took longer than {timeout:g} s and was given up") from None
    finally:
        await _end(child)
    if child.returncode != 0:
        raise SettingsError(f"the process that read {folder} died ({child.returncode})")
    try:
        result = pickle.loads(output)  # noqa: S301 - it comes from our own child
    except Exception as error:
        raise SettingsError(f"the process that read {folder} sent nothing usable") from error
    if isinstance(result, Snapshot):
        return result
    raise result if isinstance(result, AgentError) else SettingsError(f"{folder}: {result}")


async def _end(child: asyncio.subprocess.Process) -> None:
    if child.returncode is None:
        with suppress(ProcessLookupError):
            child.kill()
        await child.wait()
