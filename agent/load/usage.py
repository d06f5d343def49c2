# SPDX-License-Identifier: GPL-3.0-or-later
"""What processes use, read from /proc."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from agent.core.errors import AgentError

_PROC: Final = Path("/proc")
_TICKS: Final = os.sysconf("SC_CLK_TCK")
_RESIDENT: Final = re.compile(r"VmRSS:\s+(\d+)")
_SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class Watched:
    """A process whose CPU is looked at."""

    name: str
    pid: int


@dataclass(frozen=True, slots=True)
class Used:
    """What a process has used at one moment: CPU seconds since its start, resident bytes."""

    at: float
    cpu: float
    memory: int


def used(pid: int) -> Used | None:
    """What it has used; None if it is gone."""
    try:
        fields = (_PROC / str(pid) / "stat").read_text().rsplit(")", 1)[1].split()
        resident = _RESIDENT.search((_PROC / str(pid) / "status").read_text())
    except (OSError, IndexError):
        return None
    memory = int(resident[1]) * 1024 if resident else 0
    return Used(time.monotonic(), (int(fields[11]) + int(fields[12])) / _TICKS, memory)


def find(wanted: str) -> Watched:
    """The process that a user means by a number or a name.

    Args:
        wanted: a process id, a program's name, or a part of its command line.

    Raises:
        AgentError: there is none, or more than one.
    """
    if wanted.isascii() and wanted.isdigit():
        if used(int(wanted)) is None:
            raise AgentError(f"--cpu-of {wanted}: there is no process with this number")
        return Watched(_program(int(wanted)) or wanted, int(wanted))
    if not wanted.strip():
        raise AgentError("--cpu-of is empty: write a process id or a name")
    others = [pid for pid in _processes() if pid not in _ourselves()]
    named = [pid for pid in others if _program(pid) == wanted] or [
        pid for pid in others if wanted in _command_line(pid)
    ]
    if not named:
        raise AgentError(f"--cpu-of {wanted}: no process has this name or this in its command line")
    if len(named) > 1:
        shown = ", ".join(f"{pid} ({_program(pid)})" for pid in named[:_SHOWN])
        raise AgentError(f"--cpu-of {wanted}: {len(named)} processes could be meant: name one by id: {shown}")
    return Watched(wanted, named[0])


def _processes() -> Iterable[int]:
    return sorted(int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit())


def _ourselves() -> set[int]:
    """This process and those that started it, whose command lines hold the same words."""
    found, pid = set(), os.getpid()
    while pid > 1 and pid not in found:
        found.add(pid)
        try:
            pid = int((_PROC / str(pid) / "stat").read_text().rsplit(")", 1)[1].split()[1])
        except (OSError, IndexError, ValueError):
            break
    return found


def _program(pid: int) -> str:
    try:
        return (_PROC / str(pid) / "comm").read_text().strip()
    except OSError:
        return ""


def _command_line(pid: int) -> str:
    try:
        return (_PROC / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""
