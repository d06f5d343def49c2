# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading the configuration in a child process, so that a running agent's loop never waits for YAML.

The child (``python -m agent.settings``) is a fresh Python process, never a fork of one with media threads.
It runs at low priority, compares what it reads with the snapshot in force, and sends the result or the
mistakes back; how, says `agent.settings.handover`.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from agent.children import ask
from agent.core.errors import AgentError, SettingsError
from agent.core.model import Snapshot
from agent.settings.handover import Fresh, PackedFresh, lend, new_memory, pack, unpack

LONGEST = 180.0
"""Seconds; a child of low priority has little of a busy machine."""


async def load_in_child(
    folder: Path,
    in_force: Snapshot | None = None,
    timeout: float = LONGEST,  # noqa: ASYNC109 - it kills the child
    *,
    instance: int = 0,
) -> Fresh:
    """Read the configuration in ``folder`` in a child process.

    Args:
        folder: as for `agent.settings.load`.
        in_force: what it is compared with.
        timeout: seconds after which the child is killed.
        instance: as for `agent.settings.load`; of what is in force, where it is compared with that.

    Raises:
        Mistakes: something is wrong in the files.
        SettingsError: the child could not be started, died or took too long.
    """
    with ExitStack() as closing:
        try:
            ours = new_memory()
            closing.callback(os.close, ours)
            lent = [ours]
            if in_force is not None:
                lent.append(lend(in_force.numbers))
                closing.callback(os.close, lent[1])
            output = await _said(folder, lent, in_force, timeout, instance)
        except OSError as error:  # no memory, no descriptor: that must not end the calls that are up
            raise SettingsError(f"no process can be started to read {folder}: {error.strerror}") from None
        result = _unpickled(output, folder)
        if not isinstance(result, PackedFresh):
            raise result if isinstance(result, AgentError) else SettingsError(f"{folder}: {result}")
        try:
            return Fresh(unpack(result.packed, os.dup(ours)), result.summary)
        except (OSError, ValueError) as error:
            raise SettingsError(f"what was read of {folder} can't be taken over: {error}") from None


async def _said(
    folder: Path, lent: Sequence[int], in_force: Snapshot | None, seconds: float, instance: int
) -> bytes:
    """What the child says."""
    told = b"" if in_force is None else pickle.dumps(pack(in_force), protocol=pickle.HIGHEST_PROTOCOL)
    try:
        said = await ask(
            "agent.settings",
            str(folder),
            str(instance),
            *map(str, lent),
            told=told,
            seconds=seconds,
            lent=lent,
        )
    except TimeoutError:
        raise SettingsError(f"reading {folder} took longer than {seconds:g} s and was given up") from None
    if said.code != 0:
        raise SettingsError(f"the process that read {folder} died ({said.code}): {said.last_words}")
    return said.output


def _unpickled(output: bytes, folder: Path) -> object:
    try:
        return pickle.loads(output)  # noqa: S301 - it comes from our own child
    except Exception as error:
        raise SettingsError(f"the process that read {folder} sent nothing usable") from error
