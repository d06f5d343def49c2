# SPDX-License-Identifier: GPL-3.0-or-later
"""A file of this machine as a test wants it, for one thread and all that it starts."""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable
from pathlib import Path

_CLONE_NEWNS = 0x00020000
_MS_BIND, _MS_REC, _MS_PRIVATE = 4096, 16384, 1 << 18


def in_place_of(file: Path, ours: Path, work: Callable[[], None]) -> None:
    """Do something on a thread for which ``file`` is ``ours``; takes the rights of `may_have_own_network`.

    Raises:
        OSError: the kernel refuses.
        BaseException: what the work raised.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    raised: list[BaseException] = []

    def checked(result: int) -> None:
        if result:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

    def run() -> None:
        try:
            checked(libc.unshare(_CLONE_NEWNS))
            checked(libc.mount(None, b"/", None, _MS_REC | _MS_PRIVATE, None))
            checked(libc.mount(os.fsencode(ours), os.fsencode(file), None, _MS_BIND, None))
            work()
        except BaseException as error:  # noqa: BLE001 - raised again where it belongs
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if raised:
        raise raised[0]
