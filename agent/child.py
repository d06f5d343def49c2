# SPDX-License-Identifier: GPL-3.0-or-later
"""What a child process is: it ends with its parent, and goes before it where memory runs out.

Run by `agent.children` as ``python -m agent.child MODULE ARGUMENT…``. It imports next to nothing before it is
bound to its parent: what the module itself loads takes a second, and a parent may be killed in that.
"""

from __future__ import annotations

import ctypes
import os
import resource
import runpy
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

PARENT: Final = "HANDOFF_AGENT_PARENT"
"""The environment's variable that says who asked."""
_PR_SET_PDEATHSIG: Final = 1
_FIRST_TO_GO: Final = "1000"


def take_at_most(memory: int) -> None:
    """Take so many bytes of address space from now on; beyond that there is a `MemoryError`."""
    most = _address_space() + memory
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    if hard == resource.RLIM_INFINITY or most < hard:
        resource.setrlimit(resource.RLIMIT_AS, (most, hard))


def _end_with_parent() -> None:
    """Let the kernel see to it, however the parent ends (prctl(2))."""
    parent = int(os.environ.get(PARENT, os.getppid()))
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)  # it was quicker, perhaps while Python started


def _address_space() -> int:
    """Bytes that this process has of it (proc(5)); a sanitizer reserves terabytes before anything runs."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    return pages * resource.getpagesize()


if __name__ == "__main__":
    _end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's goes to both, and the parent decides
    with suppress(OSError):  # proc(5); the calls that are up are the parent's
        Path("/proc/self/oom_score_adj").write_text(_FIRST_TO_GO, encoding="ascii")
    _, module, *sys.argv[1:] = sys.argv
    runpy.run_module(module, run_name="__main__", alter_sys=True)
